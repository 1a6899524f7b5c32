# SPDX-License-Identifier: BSD-2-Clause
"""Debian's kernels boot to a shell above Baton, with a disk mounted and the network answering."""

from functools import partial
from pathlib import Path

from build import baton_image
from console import Console
from linux import (check_disk, check_files, check_msis, check_network, devices, linux, make_disk, power_off, wait_linux,
                   warnings)
from machine import Machine
from testing import Test, expect


def boot(series: str, cpus: int, bus: str, log: Path, its: bool = True, **board) -> None:
    disk = make_disk(log.with_suffix(".img"))
    extra = devices(bus, disk) + ([] if its else ["-machine", "its=off"])
    machine = Machine([linux(series)], baton_image("debug"), cpus=cpus, reset_ends=True, extra=extra, **board)
    with Console(machine, log) as console:
        shell = wait_linux(console, series, cpus)
        check_files(shell)
        check_network(shell)
        if its and bus == "pci":
            check_msis(shell)
        shell.run("dd if=/dev/urandom of=/mnt/new bs=64k count=32 && sync", timeout=120)
        power_off(console, shell)
    check_disk(disk)
    disk.unlink()


def no_new_warnings(series: str, log: Path) -> None:
    """The same board with nothing below the kernel, then with Baton below it."""
    found = {}
    for baton in (None, baton_image("debug")):
        disk = make_disk(log.with_suffix(".img"))
        part = log if baton else log.with_suffix(".bare.log")
        with Console(Machine([linux(series)], baton, cpus=8, reset_ends=True, extra=devices("pci", disk)), part) as console:
            shell = wait_linux(console, series, 8)
            found[bool(baton)] = warnings(shell)
            power_off(console, shell)
        disk.unlink()
    new = found[True] - found[False]
    expect(not new, f"Linux {series} warns above Baton, and not without it: {sorted(new)}")


def boot_test(series: str, cpus: int, bus: str, soak: bool = False) -> Test:
    return Test(f"system/boot/{series}/{cpus}/{bus}",
                f"Debian {series} boots on {cpus} CPUs; a disk and a network card on {bus} really transfer data",
                partial(boot, series, cpus, bus), soak=soak or cpus > 8, alone=cpus > 8)


def board_test(name: str, proves: str, series: str = "6.12", cpus: int = 2, bus: str = "pci", **board) -> Test:
    return Test(f"system/board/{name}", proves, partial(boot, series, cpus, bus, **board))


TESTS = [
    boot_test("6.1", 1, "pci"),
    boot_test("6.12", 1, "mmio"),
    boot_test("6.1", 8, "mmio"),
    boot_test("6.12", 8, "pci", soak=True),
    boot_test("6.1", 80, "pci"),
    boot_test("6.12", 80, "pci"),
    Test("system/warnings/6.1", "6.1 warns of nothing above Baton that it does not warn of without",
         partial(no_new_warnings, "6.1")),
    Test("system/warnings/6.12", "6.12 warns of nothing above Baton that it does not warn of without",
         partial(no_new_warnings, "6.12")),
    board_test("cortex-a53", "Linux runs above Baton on an Armv8.0 core", cpu="cortex-a53"),
    board_test("neoverse-n1", "Linux runs above Baton on a server core", cpu="neoverse-n1"),
    board_test("max", "Linux runs above Baton with SVE, PAuth, MTE and all else that QEMU has", cpu="max,pauth-impdef=on"),
    board_test("secure", "Linux runs above Baton on a board with two security states", secure=True),
    board_test("512M", "Linux runs above Baton in 512 MiB, without an ITS", memory="512M", its=False),
    board_test("6G", "Linux runs above Baton in RAM that reaches beyond 4 GiB", memory="6G"),
    board_test("single-thread", "Linux runs above Baton on CPUs that take turns", single_thread=True),
]
