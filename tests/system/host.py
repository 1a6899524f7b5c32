# SPDX-License-Identifier: BSD-2-Clause
"""Host kexec: Debian's kernels take the machine over at EL2, as from a cold boot."""

import re
from functools import cache, partial
from pathlib import Path
from threading import Lock

import build
import cpio
import debian
from console import Console, Shell
from initrd import initrd
from linux import (check_disk, check_files, check_msis, check_network, devices, linux, make_disk, power_off, wait_linux,
                   warnings)
from machine import Guest, Machine
from options import LINUX_APPEND
from testing import Test, expect

OPTIONS = "baton.deadline=10000"
MARK = "host-kexec"
# What KVM says when it is ready; a kernel that finds less than EL2 says that it is not available.
KVM = {"cortex-a53": r"kvm \[1\]: Hyp mode initialized successfully", None: r"kvm \[1\]: VHE mode initialized successfully"}
ONE_AT_A_TIME = Lock()


def archive(series: str, path: Path) -> Path:
    """The initrd of the guest `host`: what it is to start."""
    kernel = debian.kernel(series)
    files = cpio.Archive()
    files.file("kernel", kernel.image.read_bytes())
    files.file("initrd", initrd(kernel).read_bytes())
    files.file("append", f"{LINUX_APPEND} {MARK}".encode())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(files.finish())
    return path


def check_kvm(shell: Shell, cpu: str) -> None:
    said = shell.run("dmesg | grep -i kvm", check=False)
    expect(re.search(KVM.get(cpu, KVM[None]), said) is not None, f"KVM is not ready: {said.strip()}")


def cold_warnings(series: str, cpus: int, cpu: str) -> set[str]:
    with ONE_AT_A_TIME:
        return cold_boot(series, cpus, cpu)


@cache
def cold_boot(series: str, cpus: int, cpu: str) -> set[str]:
    """The same kernel on the same machine, started at EL2 by QEMU."""
    log = build.BUILD / "log" / f"system-host-cold-{series}-{cpus}-{cpu}.log"
    disk = make_disk(log.with_suffix(".img"))
    machine = Machine([linux(series)], cpus=cpus, cpu=cpu, el2=True, reset_ends=True, extra=devices("pci", disk))
    with Console(machine, log) as console:
        shell = wait_linux(console, series, cpus)
        check_kvm(shell, cpu)
        found = warnings(shell)
        power_off(console, shell)
    disk.unlink()
    return found


def check_reserved(shell: Shell, said: str) -> None:
    """Nothing of the kernel's is where the CPU that stayed behind may still run."""
    pool = re.search(r"Baton's own (\d+) MiB at (0x[0-9a-f]+)", said)
    expect(pool is not None, "Baton did not say where its memory is")
    begin, size = int(pool.group(2), 16), int(pool.group(1)) << 20
    reserved = re.findall(r"^ *([0-9a-f]+)-([0-9a-f]+) : reserved", shell.run("cat /proc/iomem"), re.MULTILINE)
    expect(any(int(first, 16) <= begin and begin + size - 1 <= int(last, 16) for first, last in reserved),
           f"{begin:#x} and {size:#x} bytes from there are not reserved: {reserved}")


def take_over(series: str, cpus: int, cpu: str, log: Path, fault: str = "", missing: int = 0,
              method: str = "psci") -> None:
    baton = build.baton_image("debug")
    guest = build.BUILD / "debug" / "tests" / "guests" / "host.img"
    expected = cold_warnings(series, cpus, cpu) if not missing else None
    disk = make_disk(log.with_suffix(".img"))
    files = archive(series, log.with_suffix(".cpio"))
    machine = Machine([Guest(guest, files)], baton, f"{OPTIONS} {fault}".strip(), cpus, cpu=cpu, reset_ends=True,
                      single_thread=cpus > 32, extra=devices("pci", disk))
    with Console(machine, log) as console:
        shell = wait_linux(console, series, cpus - missing)
        shell.run(f"grep -qw {MARK} /proc/cmdline")
        shell.run(f"grep -qx 'of {debian.kernel(series).release}' /etc/initrd")
        shell.run(f"grep -qx {method} /proc/device-tree/cpus/cpu@0/enable-method || [ {cpus} = 1 ]")
        check_kvm(shell, cpu)
        check_files(shell)
        check_network(shell)
        check_msis(shell)
        if missing:
            check_reserved(shell, console.transcript)
        if expected is not None:
            new = warnings(shell) - expected
            expect(not new, f"Linux {series} warns after a host kexec, and not after a cold boot: {sorted(new)}")
        power_off(console, shell)
    check_disk(disk)
    disk.unlink()
    files.unlink()


def stays_behind(fault: str, log: Path) -> None:
    """CPU 2 does not go: the next kernel comes up on the others and leaves Baton's memory alone."""
    take_over("6.12", 4, "cortex-a76", log, f"baton.fault={fault}:2 baton.deadline=1000", missing=1)


def parked(log: Path) -> None:
    """baton.park=wfe: the CPUs are started through a spin table, without the firmware."""
    take_over("6.12", 4, "cortex-a76", log, "baton.park=wfe", method="spin-table")


def test(series: str, cpus: int, cpu: str = "cortex-a76", quick: bool = False) -> Test:
    return Test(f"system/host/{series}/{cpus}/{cpu}",
                f"Debian {series} takes {cpus} CPUs over at EL2, with KVM, and warns of nothing new",
                partial(take_over, series, cpus, cpu), quick=quick, alone=cpus > 8, soak=cpus > 8)


TESTS = [
    test("6.1", 1), test("6.12", 1, "max"), test("6.1", 4), test("6.12", 4), test("6.1", 4, "cortex-a53"),
    test("6.12", 4, "max"), test("6.1", 80), test("6.12", 80),
    Test("system/host/wfe", "with baton.park=wfe the CPUs wait in a spin table, and all come up", parked),
    Test("system/host/stay", "a CPU that does not go off is kept out of the next kernel", partial(stays_behind, "stay")),
    Test("system/host/refuse", "so is one that the firmware does not switch off", partial(stays_behind, "refuse")),
]
