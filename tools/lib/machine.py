# SPDX-License-Identifier: BSD-2-Clause
"""What QEMU is to be: one virtual board, Baton on it, guests as boot modules or firmware. Gives QEMU's command line."""

from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path

from boot_images import MIB, Guest, Module, Placement, escaped, parse_size
from errors import Status, Stop
from firmware import Firmware
from loaders import Payload
from vms import SharedMemory, VmSpec, check_vms, memory_of, shared_node, vm_node

QEMU = "qemu-system-aarch64"
MAX_CPUS = 512
MAX_LINUX_CPUS = 128
# From here on Linux under multi-threaded emulation spins for minutes in its own locks on a small build machine.
SINGLE_THREAD_CPUS = 32
# The 64-bit ones of QEMU's board.
CPU_MODELS = ("cortex-a35", "cortex-a53", "cortex-a55", "cortex-a57", "cortex-a72", "cortex-a76", "cortex-a710", "a64fx",
              "neoverse-n1", "neoverse-v1", "neoverse-n2", "max")
# Their ROMs are programs for PCs, which a board of this architecture has no use for; Debian has them in a package of its own.
CARDS_WITH_ROMS = ("virtio-net-pci", "e1000", "e1000e", "rtl8139", "vmxnet3")


@dataclass
class Machine:
    """
    guests: of the host VM, or of the only one. baton = None: QEMU itself boots the first guest, with nothing below
    it, at EL1 or where `el2` says. console: the VM that is connected, the host VM by default. nodes: more for the
    device tree, in dtc's language, for tests of wrong ones. firmware: starts the payload, or without one what it
    finds on a disk in `extra`; baton and guests then only say what that is. acpi: False takes the tables away.
    """

    guests: list[Guest]
    baton: Path | None = None
    options: str = ""
    cpus: int = 4
    memory: str | None = None
    cpu: str = "cortex-a76"
    _: KW_ONLY
    secure: bool = False
    el2: bool = False
    single_thread: bool | None = None
    reset_ends: bool = False
    vms: list[VmSpec] = field(default_factory=list)
    shared: list[SharedMemory] = field(default_factory=list)
    console: str | None = None
    nodes: str = ""
    firmware: Firmware | None = None
    payload: Payload | None = None
    acpi: bool = True
    extra: list[str] = field(default_factory=list)
    emulator: str = QEMU

    def command(self) -> list[str]:
        """All but the console, which is its user's business, and the device tree, where it is not QEMU's own."""
        self.check()
        argv = [self.emulator, "-M", self.board(), "-cpu", self.cpu, "-smp", str(self.cpus), "-m", f"{self.ram() // MIB}M"]
        argv += ["-accel", f"tcg,thread={'single' if self.threads_are_single() else 'multi'}"]
        argv += ["-nodefaults", "-display", "none"]
        argv += ["-no-reboot"] if self.reset_ends else []
        for card in CARDS_WITH_ROMS:
            argv += ["-global", f"{card}.romfile="]
        # So that a panic of Baton ends QEMU with a status.
        argv += ["-semihosting-config", "enable=on,target=native"] if self.baton else []
        return argv + self.started() + self.extra

    def started(self) -> list[str]:
        """The options by which the first image is entered."""
        if self.firmware:
            return self.firmware.options() + (handed_over(self.payload) if self.payload else [])
        if self.payload:
            return handed_over(self.payload)
        if self.baton:
            return self.with_baton()
        guest = self.guests[0]
        return handed_over(Payload(guest.kernel, guest.initrd, guest.append))

    def check(self) -> None:
        if not 1 <= self.cpus <= MAX_CPUS:
            raise Stop(f"{self.cpus} CPUs are not possible: QEMU's board has 1 to {MAX_CPUS}.", Status.USAGE)
        if self.cpu.partition(",")[0] not in CPU_MODELS:
            raise Stop(f"'{self.cpu}' is no 64-bit CPU of QEMU's board: it has {', '.join(CPU_MODELS)}.", Status.USAGE)
        if not self.baton and (self.vms or self.shared or self.console):
            raise Stop("without Baton there is one VM only.", Status.USAGE)
        if (self.firmware or self.payload) and (self.vms or self.shared):
            raise Stop("several VMs are described in a device tree that QEMU hands to Baton itself: not by firmware, and not "
                       "through a loader.", Status.USAGE)
        if self.firmware and self.secure:
            raise Stop("this firmware is not built for a board with two security states.", Status.USAGE)
        check_vms(self.vms, self.shared, self.console, self.cpus)

    def description(self) -> str:
        """What is added to QEMU's device tree, in dtc's language. Call it after `command`, which checks."""
        placed = zip(self.vms, self.placed()[1:])
        return "".join([*(vm_node(vm, modules) for vm, modules in placed), *map(shared_node, self.shared), self.nodes])

    def placed(self) -> list[list[Module]]:
        """The modules of the host VM, then of each other one."""
        placement = Placement(self.ram())
        return [placement.put(guests) for guests in (self.guests, *(vm.guests for vm in self.vms))]

    def board(self) -> str:
        board = "virt,gic-version=3"
        if self.baton or self.el2:
            board += ",virtualization=on"
        board += ",acpi=off" if self.firmware and not self.acpi else ""
        return board + (",secure=on" if self.secure else "")

    def ram(self) -> int:
        """Bytes. Linux takes the more memory for itself the more CPUs it has. Other VMs take none of the host VM's share."""
        if self.memory:
            return parse_size(self.memory)
        return ((1 if self.cpus <= 16 else 2) << 30) + sum(map(memory_of, self.vms))

    def threads_are_single(self) -> bool:
        if self.single_thread is not None:
            return self.single_thread
        all_guests = [*self.guests, *(guest for vm in self.vms for guest in vm.guests)]
        return self.cpus >= SINGLE_THREAD_CPUS and any(guest.is_linux() for guest in all_guests)

    def with_baton(self) -> list[str]:
        console = f"baton.console={self.console} " if self.console else ""
        options = f"baton.panic=semihosting {console}{self.options}".strip()
        argv = ["-kernel", str(self.baton), "-append", options]
        host, *others = self.placed()
        for module in host:
            kind = "kernel" if module.kind == "kernel" else "initrd"
            bootargs = f",bootargs={escaped(module.bootargs)}" if module.bootargs else ""
            argv += ["-device", f"guest-loader,addr={module.address:#x},{kind}={escaped(module.file)}{bootargs}"]
        # Their nodes are in `description`.
        for module in (module for modules in others for module in modules):
            argv += ["-device", f"loader,addr={module.address:#x},file={escaped(module.file)},force-raw=on"]
        return argv


def handed_over(payload: Payload) -> list[str]:
    initrd = ["-initrd", str(payload.initrd)] if payload.initrd else []
    return ["-kernel", str(payload.kernel), "-append", payload.append, *initrd]
