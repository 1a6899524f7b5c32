# SPDX-License-Identifier: BSD-2-Clause
"""tools/demo: Debian 6.1 above Baton, `reboot`, Debian 6.12 on every CPU, and what the handover took."""

import argparse
import sys
import time

import options
from build import HYPERVISOR, baton_image
from console import Console, ConsoleError, Shell
from errors import Status, Stop, run_tool
from machine import MAX_LINUX_CPUS, Guest, Machine
from paths import BUILD
from report import Handover, handovers, table

DESCRIPTION = """\
Builds Baton and boots it in QEMU with Debian's 6.1 kernel. The next kernel, Debian's 6.12, lies staged in the spare
slot. Types `reboot`, as a user would; shows the next kernel up on every CPU with its own initrd and command line;
prints what the handover took."""

LOG = BUILD / "log" / "demo.log"
# Emulation on a small machine: seconds for a boot, and more for each CPU.
BOOT_SECONDS = 120
BOOT_SECONDS_PER_CPU = 5
LIVE_COLUMNS = 68
HEARTBEAT_SECONDS = 10


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools/demo", description=DESCRIPTION,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernel", default="debian-6.1", metavar="FILE", help=options.KERNEL_HELP)
    parser.add_argument("--next-kernel", default="debian-6.12", metavar="FILE",
                        help="what `reboot` goes to. A kernel of your own is booted with our initrd of debian-6.1 or "
                             "debian-6.12; what it has no modules for stays unused")
    options.add_machine_options(parser)
    return parser.parse_args()


class Progress:
    """Lines with the time since the start; in between the guest's latest line, so that one sees it live."""

    def __init__(self):
        self._start = self._last = time.monotonic()
        self._live = sys.stdout.isatty()
        self._line = ""

    def say(self, text: str) -> None:
        self._clear()
        self._last = time.monotonic()
        print(f"[{self._last - self._start:6.1f} s] {text}", flush=True)

    def guest(self, text: str) -> None:
        *whole, self._line = (self._line + text).split("\n")
        lines = [line for line in whole if line.strip()]
        if not lines:
            return
        if self._live:
            self._clear()
            print(f"           {lines[-1][:LIVE_COLUMNS]}", end="\r", flush=True)
        elif time.monotonic() - self._last > HEARTBEAT_SECONDS:
            self.say(f"    {lines[-1][:LIVE_COLUMNS]}")

    def _clear(self) -> None:
        if self._live:
            print("\x1b[K", end="")


def demo_guest(kernel: str, series: str, append: str) -> Guest:
    """A Debian kernel, or the user's own with the initrd of a Debian kernel."""
    guest = options.guest(kernel, None, append)
    if guest.initrd:
        return guest
    return Guest(guest.kernel, options.guest(f"debian-{series}", None, None).initrd, append)


def show(progress: Progress, shell: Shell, cpus: int, boot_limit: float) -> str:
    """Waits for a kernel's shell and shows what runs there; its release."""
    release, online = shell.wait(boot_limit)
    initrd = shell.run("cat /etc/initrd").strip()
    append = shell.run("cat /proc/cmdline").strip()
    progress.say(f"Linux {release}: {online} of {cpus} CPUs online")
    progress.say(f"    initrd {initrd}, command line: {append}")
    if online != cpus:
        raise ConsoleError(f"Linux {release} has {online} of {cpus} CPUs online")
    return release


def swap(progress: Progress, console: Console, cpus: int, boot_limit: float) -> Handover:
    shell = Shell(console)
    progress.say("booting the first kernel")
    first = show(progress, shell, cpus, boot_limit)
    progress.say(f"typing `reboot` into Linux {first}")
    shell.type("reboot")
    second = show(progress, shell, cpus, boot_limit)
    if "demo=second" not in shell.run("cat /proc/cmdline"):
        raise ConsoleError(f"Linux {second} has not the next kernel's command line")
    shell.run("true")
    reports = handovers(console.transcript)
    progress.say("typing `poweroff`")
    shell.type("poweroff")
    outcome = console.wait_off(60)
    if outcome.status != Status.OFF:
        raise ConsoleError(f"the machine was not switched off: {outcome.sentence}")
    reports = handovers(console.transcript) or reports
    if not reports:
        raise ConsoleError("Baton reported no handover: did the machine start afresh?")
    return reports[-1]


def main() -> Status:
    args = parse()
    if not 1 <= args.cpus <= MAX_LINUX_CPUS:
        raise Stop(f"--cpus {args.cpus}: the demo runs Linux on 1 to {MAX_LINUX_CPUS} CPUs.", Status.USAGE)
    progress = Progress()
    kind = args.kind or "release"
    progress.say(f"building Baton ({kind})")
    baton = baton_image(kind, HYPERVISOR)
    guests = [demo_guest(args.kernel, "6.1", f"{options.LINUX_APPEND} demo=first"),
              demo_guest(args.next_kernel, "6.12", f"{options.LINUX_APPEND} demo=second")]
    machine = Machine(guests, baton, f"baton.report {args.baton}".strip(), args.cpus, args.memory, args.cpu,
                      single_thread=args.single_thread, reset_ends=True)
    progress.say(f"starting QEMU: {args.cpus} CPUs ({args.cpu}), {machine.ram() >> 20} MiB")
    with Console(machine, LOG, progress.guest) as console:
        try:
            handover = swap(progress, console, args.cpus, BOOT_SECONDS + BOOT_SECONDS_PER_CPU * args.cpus)
        except ConsoleError as error:
            raise Stop(f"{error}. The guest's console is in {LOG}; its end:\n{console.tail()}") from None
    print(f"\n{table(handover)}")
    return Status.OFF


if __name__ == "__main__":
    run_tool(main)
