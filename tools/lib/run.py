# SPDX-License-Identifier: BSD-2-Clause
"""tools/run: boots guests above Baton in QEMU, the guest's console on stdin and stdout."""

import argparse
import contextlib
import sys
import tempfile
import termios
from pathlib import Path

import options
import vm_options
from build import HYPERVISOR, baton_image
from errors import Status, run_tool
from image import read_head
from machine import Machine
from payload import payload
from start import Start, fields
from vm import Vm

DESCRIPTION = """\
Boots a kernel above Baton in QEMU. The guest's console is on stdout, and nothing else is; what you type goes to it.
At a terminal, Ctrl-C goes to the guest too: Ctrl-A x ends QEMU."""

EPILOG = """\
exit status:
  0    the guest switched the machine off (PSCI SYSTEM_OFF)
  1    set-up or build failed
  2    the options make no sense, or a file is not what it should be
  3    Baton panicked
  4    the time limit is over
  5    QEMU could not start or died
  6    the machine was reset (only with --reset-ends)
  130  ended by the user

examples:
  tools/run                                        Debian's 6.1 on 4 CPUs; `poweroff` ends it
  tools/run --next-kernel debian-6.12              and `reboot` in it goes to 6.12
  tools/run --firmware edk2 --loader grub          by GRUB, from an EFI system partition
  tools/run --vm 'a=cpus:2-3,memory:512M,kernel:debian-6.12'   a second VM with two of the CPUs
  tools/run --kernel Image --append 'console=ttyAMA0 root=/dev/vda' -- \\
      -drive file=disk.img,if=none,format=raw,id=d -device virtio-blk-pci,drive=d
"""


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools/run", description=DESCRIPTION, epilog=EPILOG,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernel", default="debian-6.1", metavar="FILE", help=options.KERNEL_HELP)
    parser.add_argument("--initrd", metavar="FILE", help="its initrd")
    parser.add_argument("--append", metavar="STRING", help="its command line; console=ttyAMA0 for Debian's kernels")
    parser.add_argument("--next-kernel", metavar="FILE", help="the kernel to stage at boot: the first one's reboot enters it")
    parser.add_argument("--next-initrd", metavar="FILE", help="its initrd")
    parser.add_argument("--next-append", metavar="STRING", help="its command line")
    options.add_machine_options(parser)
    options.add_start_options(parser)
    vm_options.add_vm_options(parser)
    parser.add_argument("--secure", action="store_true", help="a board with two security states")
    parser.add_argument("--timeout", type=seconds, metavar="S",
                        help="end QEMU after S seconds; without a terminal 600 by default, at a terminal none")
    parser.add_argument("--reset-ends", action="store_true", help="a reset of the machine ends it, instead of a fresh boot")
    parser.add_argument("--baton-image", type=Path, metavar="FILE", help="use this baton.img and build nothing")
    parser.add_argument("--no-baton", action="store_true", help="boot the kernel at EL1 with nothing below it, to compare")
    parser.add_argument("qemu", nargs="*", metavar="QEMU ARGS", help="after --: further options for QEMU")
    return parser.parse_args()


def seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text}: a time limit is more than 0 seconds")
    return value


def machine(args: argparse.Namespace, folder: Path) -> Machine:
    way = options.start(args, bundled=not args.no_baton)
    guests = [options.guest(args.kernel, args.initrd, args.append)]
    guests += options.next_guest(args.next_kernel, args.next_initrd, args.next_append)
    others, shared = [vm_options.vm(text) for text in args.vm], [vm_options.shared(text) for text in args.shared]
    if args.baton_image:
        read_head(args.baton_image, "Baton image")
    baton = None if args.no_baton else args.baton_image or baton_image(args.kind or "debug", HYPERVISOR)
    started = {"extra": args.qemu}
    if way != Start():
        started = fields(way, payload(way, guests, baton, args.baton, folder), folder, args.qemu)
    return Machine(guests, baton, options=args.baton, cpus=args.cpus, memory=args.memory, cpu=args.cpu,
                   vms=others, shared=shared, console=args.console, secure=args.secure, single_thread=args.single_thread,
                   reset_ends=args.reset_ends, **started)


@contextlib.contextmanager
def terminal_kept():
    """QEMU makes the terminal raw, and leaves it so when it dies by a signal."""
    if not sys.stdin.isatty():
        yield
        return
    saved = termios.tcgetattr(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, saved)


def main() -> Status:
    args = parse()
    interactive = sys.stdin.isatty()
    timeout = args.timeout or (None if interactive else 600)
    with tempfile.TemporaryDirectory() as folder, terminal_kept():
        log = Path(folder) / "console"
        stdio = f"stdio,id=console,signal=off,logfile={log}" + (",mux=on" if interactive else "")
        monitor = ["-mon", "chardev=console,mode=readline"] if interactive else []
        vm = Vm(machine(args, Path(folder)), ["-chardev", stdio, "-serial", "chardev:console", *monitor])
        vm.begin()
        vm.wait(timeout)
        outcome = vm.outcome(log.read_text(errors="replace") if log.exists() else "")
    print(f"run: {outcome.sentence}", file=sys.stderr)
    return outcome.status


if __name__ == "__main__":
    run_tool(main)
