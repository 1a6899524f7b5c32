# SPDX-License-Identifier: BSD-2-Clause
"""`reboot` swaps Debian's kernels, with the disk's files intact, every CPU online and no new warning."""

from functools import partial
from pathlib import Path

from build import baton_image
from cold_boot import cold_warnings
from console import Console
from linux import (check_disk, check_files, check_msis, check_network, devices, linux, make_disk, power_off, release,
                   wait_linux, warnings)
from machine import Machine
from report import handovers
from testing import Test, expect

KERNELS = ("6.1", "6.12")


def swaps(count: int, cpus: int, log: Path, options: str = "", bus: str = "pci", walk: str = "parallel") -> None:
    """6.1 -> 6.12 -> 6.1 … count times; each life checks what the one before it wrote, and writes anew."""
    expected = {series: cold_warnings(series, cpus) for series in KERNELS}
    disk = make_disk(log.with_suffix(".img"))
    machine = Machine([linux(series) for series in KERNELS], baton_image("debug"),
                      f"baton.rotate baton.report {options}".strip(), cpus, reset_ends=True, extra=devices(bus, disk))
    with Console(machine, log) as console:
        shell = wait_linux(console, KERNELS[0], cpus)
        for number in range(1, count + 1):
            shell.run(f"dd if=/dev/urandom of=/mnt/file{number % 10} bs=32k count=20; cd /mnt && "
                      "sha256sum file* >SHA256SUMS && sync", timeout=120)
            shell.type("reboot")
            series = KERNELS[number % 2]
            shell = wait_linux(console, series, cpus)
            check_files(shell)
            check_network(shell)
            if bus == "pci":
                check_msis(shell)
            new = warnings(shell) - expected[series]
            expect(not new, f"after swap {number} Linux {release(series)} warns, and not after a cold boot: {sorted(new)}")
        power_off(console, shell)
        found = handovers(console.transcript)
    check_disk(disk)
    disk.unlink()
    expect(len(found) == count, f"Baton reported {len(found)} handovers of {count}")
    for handover in found:
        expect(handover.walk == walk, f"handover {handover.number} was {handover.walk}, expected was {walk}")
        expect(handover.cpus == cpus and handover.lost == 0,
               f"handover {handover.number} had {handover.cpus} CPUs, {handover.lost} lost")


def lost_cpu(log: Path) -> None:
    """CPU 3 never answers. The next kernel comes up on the others, and the files are there."""
    disk = make_disk(log.with_suffix(".img"))
    machine = Machine([linux("6.1"), linux("6.12")], baton_image("debug"), "baton.report baton.fault=lost:3", 4,
                      reset_ends=True, extra=devices("pci", disk))
    with Console(machine, log) as console:
        shell = wait_linux(console, "6.1", 4)
        shell.type("reboot")
        shell = wait_linux(console, "6.12", 3)
        check_files(shell)
        check_network(shell)
        power_off(console, shell)
        found = handovers(console.transcript)
        expect("lost CPU 3" in console.transcript, "Baton did not name CPU 3 as lost")
    disk.unlink()
    expect(len(found) == 1 and found[0].lost == 1, f"Baton reported {found}")


TESTS = [
    Test("system/swap/once", "`reboot` in 6.1 on 4 CPUs enters 6.12 on 4 CPUs, files intact", partial(swaps, 1, 4), quick=True),
    Test("system/swap/ten", "6.1 -> 6.12 and back, ten times on 8 CPUs: every CPU online, files intact, no new warning",
         partial(swaps, 10, 8), soak=True),
    Test("system/swap/three", "6.1 -> 6.12 -> 6.1 -> 6.12 on 8 CPUs: the same", partial(swaps, 3, 8)),
    Test("system/swap/mmio", "so with disk and network on virtio-mmio", partial(swaps, 2, 4, bus="mmio"),
         soak=True),
    Test("system/swap/serial", "baton.teardown=serial swaps too, and says that it was serial",
         partial(swaps, 2, 4, options="baton.teardown=serial", walk="serial")),
    Test("system/swap/lost", "a CPU that never answers is named and kept out; the others go on in 6.12", lost_cpu),
    Test("system/swap/hundred", "a hundred swaps on 8 CPUs", partial(swaps, 100, 8), soak=True),
]
