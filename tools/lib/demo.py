# SPDX-License-Identifier: BSD-2-Clause
"""tools/demo: Debian 6.1 and 6.12 above Baton, swapped back and forth from the shell, and what the handovers took."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import debian
import options
from build import HYPERVISOR, baton_image
from console import Console, ConsoleError, Shell
from errors import Status, Stop, run_tool
from initrd import initrd
from linux import devices, linux, make_disk
from linux_tools import MODULE_IN_INITRD, linux_tools
from machine import MAX_LINUX_CPUS, Machine
from paths import BUILD
from payload import payload
from report import handovers, table
from start import Start, fields

DESCRIPTION = """\
Builds Baton and boots it in QEMU with Debian's 6.1 kernel. Stages Debian's 6.12 with `batonctl load` from the shell,
as a user would, and types `reboot`; shows the next kernel up on every CPU with its own initrd and command line, and the
disk with its files unchanged. So back and forth three times. Prints what the handovers took."""

LOGS = BUILD / "log"
# Emulation on a small machine: seconds for a boot, and more for each CPU.
BOOT_SECONDS = 120
BOOT_SECONDS_PER_CPU = 5
LOAD_SECONDS = 120
DISK_MEGABYTES = 192
# What is typed to start the staged kernel: ways to the same end.
WAYS = ("reboot", "batonctl exec", "reboot")
SERVER_CPUS = 8
SERVER_MEMORY = "2G"
SERVER_START = Start("edk2", "firmware", acpi=True)
LIVE_COLUMNS = 68
HEARTBEAT_SECONDS = 10


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools/demo", description=DESCRIPTION,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_machine_options(parser)
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--server", action="store_true",
                      help="on a server: EDK2 with ACPI tables, an NVMe disk, 8 CPUs by default, kernels for all machines")
    kind.add_argument("--host", action="store_true",
                        help="replace Baton itself instead: first by another Baton, then by a Debian at EL2, with KVM")
    parser.set_defaults(cpus=None)
    args = parser.parse_args()
    if args.cpus is None:
        args.cpus = SERVER_CPUS if args.server else options.CPUS
    return args


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


def command_line(swap: int) -> str:
    return f"{options.LINUX_APPEND} demo=swap{swap}"


def disk_with_kernels(folder: Path, baton: Path, kernels: tuple[str, ...]) -> Path:
    """What a Debian disk has in /boot; a Baton; and some files whose checksums are known."""
    files = {"baton.img": baton}
    for series in kernels:
        kernel = debian.kernel(series)
        files |= {f"vmlinuz-{series}": kernel.image, f"initrd-{series}": initrd(kernel, linux_tools(series))}
    return make_disk(folder / "disk.img", DISK_MEGABYTES, files)


def show(progress: Progress, shell: Shell, series: str, cpus: int, swap: int) -> None:
    """Waits for a kernel's shell, shows what runs there, and checks it."""
    release, online = shell.wait(BOOT_SECONDS + BOOT_SECONDS_PER_CPU * cpus)
    of = shell.run("cat /etc/initrd").strip()
    append = shell.run("cat /proc/cmdline").strip()
    shell.run("cd /mnt && sha256sum -c SHA256SUMS && cd /", LOAD_SECONDS)
    progress.say(f"Linux {release}: {online} of {cpus} CPUs online")
    progress.say(f"    initrd {of}, command line: {append}")
    progress.say("    every file on the disk is as it was")
    for wrong, sentence in ((release != debian.kernel(series).release, f"Linux {release} came up, not {series}"),
                            (online != cpus, f"Linux {release} has {online} of {cpus} CPUs online"),
                            (of != f"of {release}", f"Linux {release} has the initrd {of}"),
                            (append != command_line(swap), f"Linux {release} has not the next kernel's command line")):
        if wrong:
            raise ConsoleError(sentence)


def stage(progress: Progress, shell: Shell, series: str, cpus: int, swap: int) -> None:
    load = (f"batonctl load --kernel /mnt/vmlinuz-{series} --initrd /mnt/initrd-{series} "
            f"--append '{command_line(swap)}'")
    progress.say(f"typing `{load}`")
    shell.run(f"insmod /{MODULE_IN_INITRD}")
    said = shell.run(load, LOAD_SECONDS + 2 * cpus)
    progress.say(f"    {said[said.rindex('staged: ') :].strip()}")


def replace_baton(progress: Progress, console: Console, cpus: int) -> None:
    """Baton with 6.1 -> another Baton with 6.12 -> 6.1 at EL2, each by `batonctl exec --host`."""
    shell = Shell(console)
    progress.say("booting the first kernel")
    show(progress, shell, debian.SERIES[0], cpus, 0)
    rows = []
    for swap, (series, files) in enumerate((
            (debian.SERIES[1], "--kernel /mnt/baton.img --append baton.report --module '/mnt/vmlinuz-{0}:{1}' --module /mnt/initrd-{0}"),
            (debian.SERIES[0], "--kernel /mnt/vmlinuz-{0} --initrd /mnt/initrd-{0} --append '{1}'")), 1):
        load = "batonctl load --host " + files.format(series, command_line(swap))
        progress.say(f"typing `{load}`")
        shell.run(f"insmod /{MODULE_IN_INITRD}")
        shell.run(load, LOAD_SECONDS + 2 * cpus)
        progress.say("typing `batonctl exec --host`")
        begin = time.monotonic()
        shell.type("umount /mnt; batonctl exec --host")
        console.expect(r"baton: Baton \S+:|Booting Linux on physical CPU", BOOT_SECONDS + BOOT_SECONDS_PER_CPU * cpus)
        rows.append((series, time.monotonic() - begin))
        show(progress, shell, series, cpus, swap)
    kvm = shell.run("dmesg | grep -i 'kvm.*mode initialized'")
    progress.say(f"    {kvm.strip()}")
    end(progress, console, shell)
    print("\nnext image                  CPUs  from the command to its first line")
    for (series, seconds), what in zip(rows, ("Baton, above it Linux", "Linux at EL2,"), strict=True):
        print(f"{what + ' ' + series:<28}{cpus:>4}  {seconds:.2f} s, the old kernel's shutdown of devices included")


def end(progress: Progress, console: Console, shell: Shell) -> None:
    progress.say("typing `poweroff`")
    shell.type("poweroff")
    outcome = console.wait_off(60)
    if outcome.status != Status.OFF:
        raise ConsoleError(f"the machine was not switched off: {outcome.sentence}")


def swaps(progress: Progress, console: Console, cpus: int, kernels: tuple[str, ...]) -> None:
    shell = Shell(console)
    progress.say("booting the first kernel")
    show(progress, shell, kernels[0], cpus, 0)
    for swap, way in enumerate(WAYS, 1):
        series = kernels[swap % 2]
        stage(progress, shell, series, cpus, swap)
        progress.say(f"typing `{way}`")
        shell.type(way)
        show(progress, shell, series, cpus, swap)
    end(progress, console, shell)


def run(args: argparse.Namespace, log: Path, folder: Path) -> str:
    """The console of a demo that went as it should."""
    progress = Progress()
    kind = args.kind or "release"
    progress.say(f"building Baton ({kind})")
    baton = baton_image(kind, HYPERVISOR)
    progress.say("building batonctl and its modules, and a disk with both kernels")
    kernels = debian.ALL_MACHINES[:2] if args.server else debian.SERIES
    disk = disk_with_kernels(folder, baton, kernels)
    first = linux(kernels[0], "demo=swap0", linux_tools(kernels[0]))
    words = f"baton.report {args.baton}".strip()
    started = {"extra": devices("pci", disk)}
    if args.server:
        bundled = payload(SERVER_START, [first], baton, words, folder)
        started = fields(SERVER_START, bundled, folder, devices("server", disk))
    machine = Machine([first], baton, words, args.cpus, args.memory or (SERVER_MEMORY if args.server else None), args.cpu,
                      single_thread=args.single_thread, reset_ends=True, **started)
    progress.say(f"starting QEMU: {args.cpus} CPUs ({args.cpu}), {machine.ram() >> 20} MiB")
    with Console(machine, log, progress.guest) as console:
        try:
            if args.host:
                replace_baton(progress, console, args.cpus)
            else:
                swaps(progress, console, args.cpus, kernels)
        except ConsoleError as error:
            raise Stop(f"{error}. The guest's console is in {log}; its end:\n{console.tail()}") from None
        return console.transcript


def main() -> Status:
    args = parse()
    if not 1 <= args.cpus <= MAX_LINUX_CPUS:
        raise Stop(f"--cpus {args.cpus}: the demo runs Linux on 1 to {MAX_LINUX_CPUS} CPUs.", Status.USAGE)
    # Of its own for each demo that may run beside this one.
    log = LOGS / f"demo-{args.cpus}{'-host' if args.host else '-server' if args.server else ''}.log"
    BUILD.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="demo-") as folder:
        transcript = run(args, log, Path(folder))
    if args.host:
        return Status.OFF
    reports = handovers(transcript)
    if len(reports) != len(WAYS):
        raise Stop(f"Baton reported {len(reports)} handovers of {len(WAYS)}: did the machine start afresh? "
                   f"The guest's console is in {log}.")
    for report in reports:
        print(f"\nhandover {report.number}\n{table(report)}", end="")
    return Status.OFF


if __name__ == "__main__":
    run_tool(main)
