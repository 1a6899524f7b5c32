# SPDX-License-Identifier: BSD-2-Clause
"""
Restarts under network and disk load, into a guest or (host kexec) into Baton's own place: no device writes into the next
kernel's memory.
"""

import contextlib
import struct
import time
from functools import partial
from pathlib import Path

import debian
from build import baton_image
from console import Console, Shell
from flood import FULL, TRICKLE, Flood
from guest_ram import GuestRam, Ring, live_rings
from initrd import NO_FILES, Files, initrd
from linux import check_cpus, check_disk, check_files, check_msis, linux, make_disk, power_off, wait_linux
from linux_tools import MODULE_IN_INITRD, linux_tools
from machine import Guest, Machine
from options import LINUX_APPEND
from testing import Test, expect, run_command

CPUS = 4
MEMORY = 1 << 30
# Linux on many CPUs takes more for itself.
MEMORY_MANY = 2 << 30
IMAGE_SIZE_OFFSET = 16
PAYLOAD_BYTES = 1 << 20
LOAD_SECONDS = 240
RESTART_SECONDS = 120
# Linux says so only where it has been entered at EL2.
AT_EL2 = "CPU: All CPU\\(s\\) started at EL2"
# Newer 6.1 kernels reset virtio devices on `reboot`, as 6.12 does; older ones leave them running, and so does the
# emergency restart of all: nothing but Baton stops the devices then.
RESTARTS = {"reboot": "reboot -f -n", "emergency": "echo b >/proc/sysrq-trigger"}
SUFFIX = {"pci": "pci", "mmio": "device"}


def still_image(log: Path) -> tuple[Path, bytes]:
    """The guest of still.S with a payload that no other memory holds."""
    source = Path(__file__).with_name("still.S")
    linked, image = log.with_suffix(".o"), log.with_suffix(".still")
    run_command(["clang-19", "--target=aarch64-linux-gnu", "-c", str(source), "-o", str(linked)], log, 60)
    run_command(["llvm-objcopy-19", "-O", "binary", str(linked), str(image)], log, 60)
    linked.unlink()
    code = bytearray(image.read_bytes())
    with open("/dev/urandom", "rb") as noise:
        payload = noise.read(PAYLOAD_BYTES)
    struct.pack_into("<Q", code, IMAGE_SIZE_OFFSET, len(code) + len(payload))
    image.write_bytes(code + payload)
    return image, payload


class Busy:
    """A board whose network is flooded from outside, and whose RAM we see."""

    def __init__(self, bus: str, log: Path, guests: list[Guest], cpus: int = CPUS, files: Files = NO_FILES):
        """guests: 6.1, and what is to follow. files: more of them for the disk."""
        log.parent.mkdir(parents=True, exist_ok=True)
        self.disk = make_disk(log.with_suffix(".img"), 128, files)
        self._ram_file = log.with_suffix(".ram")
        self._socket = log.with_suffix(".sock")
        self.cpus = cpus
        memory = MEMORY if cpus <= 16 else MEMORY_MANY
        self.ram = GuestRam(self._ram_file, memory)
        self.flood = Flood(self._socket)
        net, blk = f"virtio-net-{SUFFIX[bus]}", f"virtio-blk-{SUFFIX[bus]}"
        extra = self.ram.options + ["-netdev", self.flood.netdev, "-device", f"{net},netdev=net",
                                    "-drive", f"file={self.disk},if=none,format=raw,id=disk", "-device", f"{blk},drive=disk"]
        self.machine = Machine(guests, baton_image("debug"), "baton.report baton.deadline=10000", cpus,
                               f"{memory >> 20}M", reset_ends=True, extra=extra)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.flood.close()
        self.ram.close()
        for file in (self._ram_file, self._socket):
            file.unlink(missing_ok=True)

    def make_busy(self, console: Console) -> tuple[Shell, dict[str, list[Ring]]]:
        """Boots 6.1, starts disk and network traffic, and makes sure that both devices write into RAM."""
        shell = wait_linux(console, "6.1", self.cpus)
        shell.run("(while :; do dd if=/dev/vda of=/dev/null bs=256k iflag=direct; done) >/dev/null 2>&1 & true")
        shell.run("(while :; do dd if=/dev/urandom of=/mnt/busy bs=64k count=64 oflag=direct; done) >/dev/null 2>&1 & true")
        shell.run("arp -i eth0 -s 10.0.2.2 02:00:00:00:00:01")
        shell.run("(ping -i 0.0005 -s 1400 10.0.2.2) >/dev/null 2>&1 & true")
        self.flood.start()
        rings = live_rings(console.vm.qmp, self.ram)
        for device in ("virtio-net", "virtio-blk"):
            expect(device in rings, f"QEMU has no live ring of {device}")
            before = [ring.index() for ring in rings[device]]
            time.sleep(2)
            expect(before != [ring.index() for ring in rings[device]], f"{device} is not busy")
        return shell, rings


def leave_work(busy: Busy, console: Console) -> None:
    """
    A flood fills the card's receive buffers as soon as the old kernel no longer empties them, and a fast disk is idle at
    once. Few frames and a slow disk leave free buffers and unfinished requests to the moment after the handover.
    """
    busy.flood.rate = TRICKLE
    throttle(console, 400_000)
    time.sleep(1)


def throttle(console: Console, bytes_a_second: int) -> None:
    """The disk. 0: it is as fast as it is."""
    limits = {"bps": bytes_a_second} | dict.fromkeys(("bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr"), 0)
    console.vm.qmp.command("block_set_io_throttle", device="disk", **limits)


def load_host(shell: Shell, what: str) -> None:
    """Stages an image in Baton's own place."""
    shell.run(f"insmod /{MODULE_IN_INITRD}")
    shell.run(f"batonctl load --host {what}", LOAD_SECONDS)


def nothing_is_written(bus: str, restart: str, log: Path, host: bool = False) -> None:
    """host: the next kernel takes Baton's place."""
    image, payload = still_image(log)
    guests = [linux("6.1", extra=linux_tools("6.1"))] if host else [linux("6.1"), Guest(image)]
    with (Busy(bus, log, guests, files={"still": image} if host else NO_FILES) as busy,
          Console(busy.machine, log) as console):
        shell, rings = busy.make_busy(console)
        if host:
            load_host(shell, "--kernel /mnt/still")
        staged = busy.ram.find(payload)
        expect(len(staged) >= 1, "the next kernel is nowhere in RAM")
        leave_work(busy, console)
        shell.type(RESTARTS[restart])
        console.expect("still: entered", 60)
        old = {name: [ring.content() for ring in rings[name]] for name in rings}
        busy.flood.rate = FULL
        # Baton's own last steps, of CPUs that are still being taken down, may write for a moment.
        time.sleep(0.5)
        before = busy.ram.fingerprint()
        time.sleep(3)
        for name in rings:
            expect(old[name] == [ring.content() for ring in rings[name]], f"{name} went on writing its old rings")
        changed = busy.ram.differences(before, busy.ram.fingerprint())
        expect(not changed, f"{len(changed)} blocks of RAM changed under a guest that writes nothing, the first at "
                            f"{changed[0] if changed else 0:#x}")
        expect(set(staged) <= set(busy.ram.find(payload)), "the next kernel was damaged in RAM")
    busy.disk.unlink()
    image.unlink()


@contextlib.contextmanager
def into_the_next(bus: str, cpus: int, log: Path, guests: list[Guest], files: Files = NO_FILES):
    """For a block that restarts the busy machine: then 6.12 comes up under the same flood; the disk's files are intact."""
    with Busy(bus, log, guests, cpus, files) as busy:
        with Console(busy.machine, log) as console:
            shell, _ = busy.make_busy(console)
            yield busy, console, shell
            shell = wait_linux(console, "6.12", cpus)
            check_files(shell)
            check_cpus(shell, cpus)
            if bus == "pci":
                check_msis(shell)
            before = busy.flood.sent
            time.sleep(2)
            expect(busy.flood.sent > before, "the next kernel's network card takes no frames")
            power_off(console, shell)
        check_disk(busy.disk)
    busy.disk.unlink()


def next_kernel_lives(bus: str, restart: str, cpus: int, log: Path) -> None:
    with into_the_next(bus, cpus, log, [linux("6.1"), linux("6.12")]) as (_, _, shell):
        shell.type(RESTARTS[restart])


def next_kernel_at_el2_lives(bus: str, log: Path) -> None:
    """A host kexec: Baton goes, too."""
    kernel = debian.kernel("6.12")
    files = {"kernel": kernel.image, "initrd": initrd(kernel)}
    guests = [linux("6.1", extra=linux_tools("6.1"))]
    with into_the_next(bus, CPUS, log, guests, files) as (busy, console, shell):
        load_host(shell, f"--kernel /mnt/kernel --initrd /mnt/initrd --append {LINUX_APPEND}")
        leave_work(busy, console)
        shell.type(RESTARTS["emergency"])
        console.expect(AT_EL2, RESTART_SECONDS)
        busy.flood.rate = FULL
        throttle(console, 0)


def ram_test(bus: str, restart: str) -> Test:
    return Test(f"system/flood/ram/{bus}/{restart}",
                f"after a restart ({restart}) under disk and network load on {bus} no device writes to RAM: old rings, "
                "spare slot and next kernel are unchanged",
                partial(nothing_is_written, bus, restart))


def linux_test(bus: str, restart: str, cpus: int) -> Test:
    return Test(f"system/flood/linux/{bus}/{restart}/{cpus}",
                f"6.12 comes up on {cpus} CPUs under that load ({bus}, {restart}), and the disk's files are intact",
                partial(next_kernel_lives, bus, restart, cpus), soak=cpus > 8, alone=cpus > 8)


TESTS = [
    Test("system/flood/ram/pci/host", "the same for a host kexec: no device writes to RAM when Baton has gone",
         partial(nothing_is_written, "pci", "emergency", host=True)),
    Test("system/flood/host/pci", f"6.12 comes up at EL2, in Baton's place, on {CPUS} CPUs under that load, and the disk's files "
         "are intact", partial(next_kernel_at_el2_lives, "pci"), soak=True),
    ram_test("pci", "reboot"),
    ram_test("pci", "emergency"),
    ram_test("mmio", "emergency"),
    linux_test("pci", "reboot", 1),
    linux_test("pci", "emergency", 8),
    linux_test("pci", "emergency", 80),
    linux_test("mmio", "emergency", 4),
]
