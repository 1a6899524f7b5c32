# SPDX-License-Identifier: BSD-2-Clause
"""Servers: EDK2's firmware with ACPI tables and no device tree, an NVMe disk, an e1000e card, Debian's kernels for all machines."""

from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

import debian
from build import baton_image
from console import Console, Shell
from linux import (check_disk, check_files, check_msis, check_network, devices, linux, make_disk, power_off, release,
                   wait_linux, warnings)
from linux_tools import MODULE_IN_INITRD, linux_tools
from machine import Machine
from options import LINUX_APPEND
from paths import BUILD
from payload import payload
from programs import kexec, program
from report import handovers
from start import Start, fields
from testing import Test, expect

MEMORY = "2G"
QUEUES = "nvme0q[1-9]"
FIRMWARE_SECONDS = 180
LOAD_SECONDS = 240
PANIC_SECONDS = 120
DISK_MEGABYTES = 192
ONE_AT_A_TIME = Lock()


def efibootmgr() -> dict[str, Path]:
    return program(debian.fetched("efibootmgr"), "bin/efibootmgr")


def server(start: Start, guests: list, baton: Path | None, cpus: int, disk: Path, folder: Path, options: str = "") -> Machine:
    """Its firmware has random numbers from virtio. Where it boots from a disk, that is one of virtio too."""
    extra = [*devices("server", disk), "-device", "virtio-rng-pci"]
    board = fields(start, payload(start, guests, baton, options, folder), folder, extra)
    return Machine(guests, baton, cpus=cpus, memory=MEMORY, reset_ends=True, **board)


def warnings_without(series: str, cpus: int, start: Start) -> set[str]:
    with ONE_AT_A_TIME:
        return boot_without(series, cpus, start)


@cache
def boot_without(series: str, cpus: int, start: Start) -> set[str]:
    """What the kernel warns of on the same server with no Baton below it, started by the same firmware."""
    log = BUILD / "log" / f"system-server-without-{start.firmware}-{start.acpi}-{series}-{cpus}.log"
    disk = make_disk(log.with_suffix(".img"))
    plain = Start(start.firmware, None, start.acpi)
    with TemporaryDirectory(dir=log.parent) as folder:
        with Console(server(plain, [linux(series)], None, cpus, disk, Path(folder)), log) as console:
            shell = wait_linux(console, series, cpus)
            found = warnings(shell)
            power_off(console, shell)
    disk.unlink()
    return found


def check_server(shell: Shell, series: str, start: Start, expected: set[str]) -> None:
    shell.run("dmesg | grep 'CPU.*started at EL1'")
    if start.acpi:
        shell.run("[ -e /sys/firmware/acpi/tables/APIC ] && [ ! -e /proc/device-tree/cpus ]")
    shell.run("grep -q '^/dev/nvme0n1 /mnt' /proc/mounts")
    check_files(shell)
    check_network(shell)
    check_msis(shell, QUEUES)
    # The partition that it came from, on virtio.
    shell.run("dd if=/dev/vda bs=512 skip=1 count=1 2>/dev/null | grep -q '^EFI PART'")
    new = warnings(shell) - expected
    expect(not new, f"Linux {release(series)} warns above Baton, and not without it: {sorted(new)}")


def check_variables(shell: Shell, found: int | None, written: int) -> None:
    """efibootmgr reads what was written before, if anything was, and writes. The values are seconds of the boot menu."""
    if found is not None:
        shell.run(f"efibootmgr | grep -x 'Timeout: {found} seconds'", timeout=120)
    shell.run(f"efibootmgr --timeout {written} | grep -x 'Timeout: {written} seconds'", timeout=120)


def swaps(start: Start, series: tuple[str, ...], count: int, cpus: int, log: Path) -> None:
    """From each kernel to the next, `count` times; with one series to the same kernel, from another image."""
    series = series if len(series) > 1 else series * 2
    expected = {one: warnings_without(one, cpus, start) for one in set(series)}
    guests = [linux(one, f"kernel={number}", efibootmgr()) for number, one in enumerate(series)]
    disk = make_disk(log.with_suffix(".img"))
    with TemporaryDirectory(dir=log.parent) as folder:
        machine = server(start, guests, baton_image("debug"), cpus, disk, Path(folder), "baton.rotate baton.report")
        with Console(machine, log) as console:
            console.expect("baton: Baton ", FIRMWARE_SECONDS)
            for number in range(count + 1):
                if number:
                    shell.type("reboot")
                running = series[number % len(series)]
                shell = wait_linux(console, running, cpus)
                shell.run(f"grep -qw kernel={number % len(series)} /proc/cmdline")
                check_server(shell, running, start, expected[running])
                if start.acpi:
                    check_variables(shell, 9 + number if number else None, 10 + number)
                shell.run("dd if=/dev/urandom of=/mnt/file0 bs=32k count=20; cd /mnt && sha256sum file* >SHA256SUMS && sync; cd /",
                          timeout=120)
            power_off(console, shell)
            found = [(handover.cpus, handover.lost) for handover in handovers(console.transcript)]
    check_disk(disk)
    disk.unlink()
    expect(found == count * [(cpus, 0)], f"(CPUs, lost CPUs) of {count} handovers from {cpus} CPUs are {found}")


def kdump(start: Start, series: str, cpus: int, log: Path) -> None:
    """A crash starts a capture kernel that finds /proc/vmcore and the machine's tables; its `reboot` swaps."""
    capture = debian.kernel(series)
    loaded = {"Image": capture.image, "initrd": linux(series).initrd}
    disk = make_disk(log.with_suffix(".img"), DISK_MEGABYTES, loaded)
    guests = [linux(series, f"crashkernel=256M kernel={number}", kexec()) for number in (0, 1)]
    with TemporaryDirectory(dir=log.parent) as folder:
        machine = server(start, guests, baton_image("debug"), cpus, disk, Path(folder), "baton.report")
        with Console(machine, log) as console:
            console.expect("baton: Baton ", FIRMWARE_SECONDS)
            shell = wait_linux(console, series, cpus)
            shell.run(f"kexec -p /mnt/Image --initrd=/mnt/initrd --command-line='{LINUX_APPEND} nr_cpus=1 capture=1'",
                      timeout=LOAD_SECONDS)
            shell.type("sync; echo c >/proc/sysrq-trigger")
            console.expect_disaster("Kernel panic - not syncing: sysrq triggered crash", PANIC_SECONDS)
            shell = wait_linux(console, series, 1)
            shell.run("grep -qw capture=1 /proc/cmdline")
            note = shell.run("dd if=/proc/vmcore bs=4096 count=3 2>/dev/null | strings | grep ^OSRELEASE=", timeout=120)
            expect(note.strip() == f"OSRELEASE={release(series)}", f"/proc/vmcore says '{note.strip()}', not {release(series)}")
            check_files(shell)
            shell.type("reboot")
            shell = wait_linux(console, series, cpus)
            shell.run("grep -qw kernel=1 /proc/cmdline")
            check_files(shell)
            power_off(console, shell)
    disk.unlink()


def host(start: Start, series: str, cpus: int, log: Path) -> None:
    """Another Baton in the place of the first one, then Linux at EL2 in the place of that."""
    baton, kernel, tools = baton_image("debug"), debian.kernel(series), linux_tools(series)
    files = {"baton.img": baton, "Image": kernel.image, "initrd": linux(series, extra=tools).initrd}
    disk = make_disk(log.with_suffix(".img"), DISK_MEGABYTES, files)
    with TemporaryDirectory(dir=log.parent) as folder:
        machine = server(start, [linux(series, "life=0", tools)], baton, cpus, disk, Path(folder))
        with Console(machine, log) as console:
            console.expect("baton: Baton ", FIRMWARE_SECONDS)
            for life, load in enumerate((f"baton.img --module '/mnt/Image:{LINUX_APPEND} life=1' --module /mnt/initrd",
                                         f"Image --initrd /mnt/initrd --append '{LINUX_APPEND} life=2'")):
                shell = wait_linux(console, series, cpus)
                shell.run(f"grep -qw life={life} /proc/cmdline")
                check_files(shell)
                shell.run(f"cd /; insmod /{MODULE_IN_INITRD}; batonctl load --host --kernel /mnt/{load}", timeout=LOAD_SECONDS)
                shell.type("umount /mnt; batonctl exec --host")
            shell = wait_linux(console, series, cpus)
            shell.run("grep -qw life=2 /proc/cmdline && dmesg | grep 'kvm.*VHE mode initialized'")
            if start.acpi:
                shell.run("[ -e /sys/firmware/acpi/tables/APIC ] && [ -d /sys/firmware/efi/efivars ]")
            check_files(shell)
            check_network(shell)
            power_off(console, shell)
    check_disk(disk)
    disk.unlink()


ACPI = Start("edk2", "firmware", acpi=True)
ACPI_NEWEST = Start("edk2-newest", "firmware", acpi=True)
TREE = Start("edk2", "firmware")
OLD, NEW, NEWEST = debian.ALL_MACHINES

TESTS = [
    Test("system/server/swap", f"EDK2's ACPI tables, NVMe, e1000e, virtio: {NEW} boots and is swapped, EFI variables stay",
         partial(swaps, ACPI, (NEW,), 1, 4)),
    Test("system/server/kernels", "three Debian kernels in turn with the newest EDK2, on 8 CPUs, nine swaps",
         partial(swaps, ACPI_NEWEST, (OLD, NEW, NEWEST), 9, 8), soak=True),
    *(Test(f"system/server/ten/{series}", f"{series}, ten swaps on 8 CPUs with ACPI", partial(swaps, ACPI, (series,), 10, 8),
           soak=True) for series in debian.ALL_MACHINES),
    Test("system/server/tree", "so with a device tree from EDK2", partial(swaps, TREE, (NEW,), 10, 8), soak=True),
    Test("system/server/80", "ten swaps on 80 CPUs with ACPI", partial(swaps, ACPI, (NEW,), 10, 80), soak=True, alone=True),
    Test("system/server/kdump", f"a crash of {NEW} with ACPI starts a capture kernel, whose `reboot` swaps",
         partial(kdump, ACPI, NEW, 4), soak=True),
    Test("system/server/host", f"Baton after Baton, then {NEW} at EL2 with KVM, each with ACPI and EFI",
         partial(host, ACPI, NEW, 4), soak=True),
]
