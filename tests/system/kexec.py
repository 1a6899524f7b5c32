# SPDX-License-Identifier: BSD-2-Clause
"""Linux's own `kexec -e` and kdump work above Baton, in a kernel that was booted and in one that a swap has entered."""

import re
from functools import partial
from pathlib import Path

import debian
from build import baton_image
from cold_boot import cold_warnings
from console import Console, Shell
from initrd import initrd
from linux import (check_disk, check_files, check_network, devices, linux, make_disk, power_off, release, wait_linux,
                   warnings)
from machine import Machine
from options import LINUX_APPEND
from programs import kexec
from report import handovers
from testing import Test, expect

CPUS = 8
OTHER = {"6.1": "6.12", "6.12": "6.1"}
DISK_MEGABYTES = 160
# The purgatory hashes the next kernel with caches off, before it enters it.
LOAD_SECONDS = 240
PANIC_SECONDS = 120
SLOTS = r"baton: slots of (\d+) MiB at (0x[0-9a-f]+) and (0x[0-9a-f]+)"


class Board:
    """A machine whose boot modules' initrds hold kexec, while those on its disk, of both kernels, do not."""

    def __init__(self, first: str, log: Path, append: str = ""):
        loaded = {}
        for kernel in map(debian.kernel, debian.SERIES):
            loaded |= {f"Image-{kernel.series}": kernel.image, f"initrd-{kernel.series}": initrd(kernel)}
        self.disk = make_disk(log.with_suffix(".img"), DISK_MEGABYTES, loaded)
        guests = [linux(series, append, kexec()) for series in (first, OTHER[first])]
        self.machine = Machine(guests, baton_image("debug"), "baton.rotate baton.report baton.deadline=5000", CPUS,
                               reset_ends=True, extra=devices("pci", self.disk))

    def close(self, console: Console, swaps: int, cpus: int) -> None:
        """After the end of the machine: the disk is sound, and each swap had so many CPUs to take down."""
        found = [(handover.cpus, handover.lost) for handover in handovers(console.transcript)]
        expect(found == swaps * [(cpus, 0)], f"(CPUs, lost CPUs) of {swaps} handovers from {cpus} CPUs are {found}")
        check_disk(self.disk)
        self.disk.unlink()


def load(shell: Shell, kind: str, series: str, append: str) -> None:
    """kind: kexec's option, -l for `kexec -e`, -p for a panic."""
    shell.run(f"kexec {kind} /mnt/Image-{series} --initrd=/mnt/initrd-{series} "
              f"--command-line='{LINUX_APPEND} {append}'", timeout=LOAD_SECONDS)


def check_origin(shell: Shell, *, loaded: bool, word: str) -> None:
    """Of the two kernels of a series the one that was meant runs, with its own initrd and command line."""
    shell.run(f"[ {'!' if loaded else ''} -e /bin/kexec ]")
    shell.run(f"grep -qw {word} /proc/cmdline")


def check_outside_slots(console: Console, shell: Shell) -> None:
    found = re.search(SLOTS, console.transcript)
    expect(found is not None, "Baton did not say where the slots are")
    size = int(found.group(1)) << 20
    code = int(shell.run("sed -n 's/-.* Kernel code$//p' /proc/iomem").strip(), 16)
    for begin in (int(found.group(2), 16), int(found.group(3), 16)):
        expect(not begin <= code < begin + size, f"the kernel at {code:#x} lies in the slot at {begin:#x}")


def check_life(shell: Shell, series: str, how: str) -> None:
    check_files(shell)
    check_network(shell)
    new = warnings(shell) - cold_warnings(series, CPUS)
    expect(not new, f"after {how} Linux {release(series)} warns, and not after a cold boot: {sorted(new)}")


def kexec_and_reboot(first: str, log: Path) -> None:
    """Twice: `kexec -e` into the other series, then `reboot` into the staged kernel of that series."""
    board = Board(first, log, "staged=1")
    with Console(board.machine, log) as console:
        running = first
        shell = wait_linux(console, running, CPUS)
        for number in (1, 2):
            running = OTHER[running]
            load(shell, "-l", running, f"kexec={number}")
            shell.type("cd / && umount /mnt && kexec -e")
            shell = wait_linux(console, running, CPUS)
            check_origin(shell, loaded=True, word=f"kexec={number}")
            check_outside_slots(console, shell)
            check_life(shell, running, "kexec -e")
            shell.type("reboot")
            shell = wait_linux(console, running, CPUS)
            check_origin(shell, loaded=False, word="staged=1")
            check_life(shell, running, "a swap after kexec -e")
        power_off(console, shell)
    board.close(console, swaps=2, cpus=CPUS)


def crash(console: Console, shell: Shell, crashed: str, capture: str) -> Shell:
    """Panics the kernel, and looks at it from the capture kernel, of the other series."""
    # kexec-tools 2.0.25 looks for _text in kallsyms. Without it, as in Debian's 6.1, it still finds the crashed kernel's
    # notes, which lie in that kernel's memory, but writes its memory's place down wrongly: without Baton too.
    describes_memory = "_text" in shell.run("grep -w _text /proc/kallsyms", check=False)
    load(shell, "-p", capture, "nr_cpus=1 capture=1")
    shell.type("sync; echo c >/proc/sysrq-trigger")
    console.expect_disaster("Kernel panic - not syncing: sysrq triggered crash", PANIC_SECONDS)
    shell = wait_linux(console, capture, 1)
    check_origin(shell, loaded=True, word="capture=1")
    check_files(shell)
    note = shell.run("dd if=/proc/vmcore bs=4096 count=3 2>/dev/null | strings | grep ^OSRELEASE=", timeout=120)
    expect(note.strip() == f"OSRELEASE={release(crashed)}", f"/proc/vmcore says '{note.strip()}', not {release(crashed)}")
    if describes_memory:
        shell.run("dd if=/proc/vmcore of=/dev/null bs=1M", timeout=240)
    return shell


def kdump(first: str, log: Path) -> None:
    """A crash of the first kernel; `reboot` of the capture kernel swaps into the staged one; a crash of that."""
    second = OTHER[first]
    board = Board(first, log, "crashkernel=192M")
    with Console(board.machine, log) as console:
        shell = wait_linux(console, first, CPUS)
        shell = crash(console, shell, first, second)
        shell.type("reboot")
        shell = wait_linux(console, second, CPUS)
        check_origin(shell, loaded=False, word="crashkernel=192M")
        check_files(shell)
        shell = crash(console, shell, second, first)
        power_off(console, shell)
    # The crashed kernel has switched its other CPUs off.
    board.close(console, swaps=1, cpus=1)


def kexec_test(series: str) -> Test:
    return Test(f"system/kexec/{series}",
                f"`kexec -e` from {series} and back, each followed by `reboot` into a staged kernel: 8 CPUs each time, "
                "the right initrd and command line, no new warning",
                partial(kexec_and_reboot, series), soak=series == "6.12")


def kdump_test(series: str) -> Test:
    return Test(f"system/kdump/{series}",
                f"a crash of {series} starts a capture kernel with /proc/vmcore, whose `reboot` swaps; so does a crash of "
                "the kernel swapped in",
                partial(kdump, series), soak=series == "6.1")


TESTS = [*map(kexec_test, OTHER), *map(kdump_test, OTHER)]
