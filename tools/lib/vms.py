# SPDX-License-Identifier: BSD-2-Clause
"""
Further VMs beside the host VM, and memory that two of them share: what a user says of them, and the nodes of the
device tree, in dtc's language, that tell Baton. The binding is that of Xen's dom0less domains, with properties of
Baton's own.
"""

import re
from dataclasses import KW_ONLY, dataclass, field

from boot_images import KIB, Guest, Module, parse_size
from errors import Status, Stop

HOST = "host"
ON_RESET = ("restart", "stop")
# A node's name of at most 31 characters (devicetree specification 2.2.1), of those which read well in front of a line.
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,30}")
# Baton's own lines begin with its name, and a node of that name is there already.
TAKEN_NAMES = (HOST, "baton", "module")
# QEMU's `virt` has eight of them in a page.
TRANSPORT = re.compile(r"/virtio_mmio@([0-9a-f]+)")
TRANSPORT_SIZE, PAGE = 0x200, 0x1000
CPU_RANGE = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?")


@dataclass(frozen=True)
class VmSpec:
    """
    cpus: a list as Linux writes it, "2-3,6". memory, slot: sizes as QEMU's -m has them. guests: the first one runs, the
    others are staged in turn. devices: full paths of nodes. on_reset: what a reset with nothing staged does, "restart" or
    "stop"; Baton's default is "restart". raw: properties in dtc's language that come in the end and replace
    those above, for tests of wrong ones.
    """

    name: str
    cpus: str
    memory: str
    guests: list[Guest]
    _: KW_ONLY
    devices: list[str] = field(default_factory=list)
    slot: str | None = None
    on_reset: str | None = None
    raw: str = ""


@dataclass(frozen=True)
class SharedMemory:
    """Of the two VMs of `vms`; "host" is one too."""

    name: str
    size: str
    vms: tuple[str, str]
    _: KW_ONLY
    raw: str = ""


def cpu_numbers(text: str) -> list[int]:
    """Of a CPU list, in its order."""
    numbers = []
    for part in text.split(","):
        match = CPU_RANGE.fullmatch(part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if first > last or last - first >= 1 << 16:
            raise Stop(f"'{text}' is no list of CPUs. Write 2-3,6.", Status.USAGE)
        numbers += range(first, last + 1)
    return numbers


def check_vms(vms: list[VmSpec], shared: list[SharedMemory], console: str | None, cpus: int) -> None:
    """Refuses, in a sentence, what Baton would refuse only when it boots. cpus: of the machine."""
    names = []
    for it in (*vms, *shared):
        if not NAME.fullmatch(it.name) or it.name in TAKEN_NAMES:
            raise Stop(f"'{it.name}' cannot be a name: take a letter, then at most 30 letters, digits, '-' and '_', "
                       f"and none of {', '.join(TAKEN_NAMES)}.", Status.USAGE)
        if it.name in names:
            raise Stop(f"the name {it.name} is given twice.", Status.USAGE)
        names.append(it.name)
    known = [HOST, *(vm.name for vm in vms)]
    check_cpus(vms, cpus)
    for vm in vms:
        check_vm(vm)
    for region in shared:
        check_shared(region, known)
    if console is not None and console not in known:
        raise Stop(f"there is no VM '{console}' whose console could be connected: there is {', '.join(known)}.", Status.USAGE)


def check_cpus(vms: list[VmSpec], cpus: int) -> None:
    owner: dict[int, str] = {}
    for vm in vms:
        for number in cpu_numbers(vm.cpus):
            if number >= cpus:
                raise Stop(f"VM {vm.name}: there is no CPU {number}: the machine has CPUs 0 to {cpus - 1}.", Status.USAGE)
            if number in owner:
                raise Stop(f"CPU {number} is given to VM {owner[number]} and to VM {vm.name}."
                           if owner[number] != vm.name else f"VM {vm.name}: CPU {number} is named twice.", Status.USAGE)
            owner[number] = vm.name
    if len(owner) == cpus:
        raise Stop(f"no CPU of {cpus} is left for the host VM.", Status.USAGE)


def check_vm(vm: VmSpec) -> None:
    if parse_size(vm.memory) == 0 or (vm.slot is not None and parse_size(vm.slot) == 0):
        raise Stop(f"VM {vm.name}: a size of 0 makes no sense.", Status.USAGE)
    if not vm.guests:
        raise Stop(f"VM {vm.name} has no kernel.", Status.USAGE)
    for path in vm.devices:
        if not path.startswith("/") or path == "/":
            raise Stop(f"VM {vm.name}: '{path}' is no path of a device's node. Write /virtio_mmio@a003e00.", Status.USAGE)
    if vm.on_reset is not None and vm.on_reset not in ON_RESET:
        raise Stop(f"VM {vm.name}: on a reset it can {' or '.join(ON_RESET)}, not '{vm.on_reset}'.", Status.USAGE)


def check_shared(region: SharedMemory, known: list[str]) -> None:
    if parse_size(region.size) == 0:
        raise Stop(f"shared memory {region.name}: a size of 0 makes no sense.", Status.USAGE)
    for name in region.vms:
        if name not in known:
            raise Stop(f"shared memory {region.name}: there is no VM '{name}': there is {', '.join(known)}.", Status.USAGE)
    if len(region.vms) != 2 or region.vms[0] == region.vms[1]:
        raise Stop(f"shared memory {region.name}: it takes two VMs to share it.", Status.USAGE)


def memory_of(vm: VmSpec) -> int:
    """Bytes that Baton takes for it: what it sees, and a spare slot."""
    size = parse_size(vm.memory)
    return size + (parse_size(vm.slot) if vm.slot else size // 4)


def vm_node(vm: VmSpec, modules: list[Module]) -> str:
    """What is added to the device tree."""
    lines = ['compatible = "xen,domain";', "#address-cells = <2>;", "#size-cells = <2>;",
             f"cpus = <{len(cpu_numbers(vm.cpus))}>;", f"memory = {kib(vm.memory)};", "vpl011;",
             f"baton,cpus = {quoted(vm.cpus)};"]
    if vm.devices:
        lines.append(f"baton,devices = {', '.join(map(quoted, whole_pages(vm.devices)))};")
    if vm.slot:
        lines.append(f"baton,slot = {kib(vm.slot)};")
    if vm.on_reset:
        lines.append(f"baton,on-reset = {quoted(vm.on_reset)};")
    return in_chosen(vm.name, lines + [module_node(module) for module in modules]) + raw_node(vm)


def whole_pages(devices: list[str]) -> list[str]:
    """A VM is given pages: a transport of virtio-mmio brings those along that share its page."""
    paths: dict[str, None] = {}
    for path in devices:
        transport = TRANSPORT.fullmatch(path)
        page = int(transport[1], 16) // PAGE * PAGE if transport else 0
        together = [f"/virtio_mmio@{at:x}" for at in range(page, page + PAGE, TRANSPORT_SIZE)] if transport else [path]
        paths |= dict.fromkeys(together)
    return list(paths)


def shared_node(region: SharedMemory) -> str:
    lines = ['compatible = "baton,shared-memory";', f"size = {kib(region.size)};",
             f"baton,vms = {', '.join(map(quoted, region.vms))};"]
    return in_chosen(region.name, lines) + raw_node(region)


def raw_node(it: VmSpec | SharedMemory) -> str:
    """A second time the same node: what it says replaces what the first has said."""
    return in_chosen(it.name, [it.raw]) if it.raw else ""


def module_node(module: Module) -> str:
    bootargs = f" bootargs = {quoted(module.bootargs)};" if module.bootargs else ""
    return (f"module@{module.address:x} {{ compatible = \"multiboot,module\", \"multiboot,{module.kind}\"; "
            f"reg = /bits/ 64 <{module.address:#x} {module.size:#x}>;{bootargs} }};")


def in_chosen(name: str, lines: list[str]) -> str:
    return f"/ {{ chosen {{ {name} {{\n{''.join(f'    {line}{chr(10)}' for line in lines)}}}; }}; }};\n"


def kib(size: str) -> str:
    return f"/bits/ 64 <{parse_size(size) // KIB:#x}>"


def quoted(text: str) -> str:
    """A string of dtc's language: all that is not plain as \\xNN, which takes exactly two digits."""
    plain = (chr(byte) if 0x20 <= byte < 0x7f and chr(byte) not in '"\\' else f"\\x{byte:02x}" for byte in text.encode())
    return f'"{"".join(plain)}"'
