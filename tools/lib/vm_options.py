# SPDX-License-Identifier: BSD-2-Clause
"""The options --vm, --shared and --console of tools/run: further VMs, in the way in which QEMU's options have their values."""

import argparse
from collections.abc import Callable

from errors import Status, Stop
from options import guest, next_guest
from vms import SharedMemory, VmSpec

VM_KEYS = ("cpus", "memory", "kernel", "initrd", "append", "next-kernel", "next-initrd", "next-append", "device", "slot",
           "on-reset")
SHARED_KEYS = ("size", "vms")
# May be given several times.
LISTS = ("device",)

VM_HELP = ("a further VM, NAME=cpus:2-3,memory:256M,kernel:FILE and, as wanted, initrd:FILE, append:STRING, next-kernel:FILE, "
           "next-initrd:FILE, next-append:STRING, device:PATH of a node in the device tree (again for each; the eight "
           "transports of virtio-mmio in a page of registers come together), slot:SIZE, "
           "on-reset:restart or stop. A comma inside a value is written twice: cpus:2-3,,6. Once for each VM; what none "
           "names is the host VM's")
SHARED_HELP = "memory that two VMs share: NAME=size:1M,vms:host+a"
CONSOLE_HELP = "connect stdin and stdout to that VM; \"host\" by default. The others' lines come with their names in front"


def add_vm_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--vm", action="append", default=[], metavar="NAME=KEY:VALUE,…", help=VM_HELP)
    parser.add_argument("--shared", action="append", default=[], metavar="NAME=KEY:VALUE,…", help=SHARED_HELP)
    parser.add_argument("--console", metavar="NAME", help=CONSOLE_HELP)


def split(text: str) -> list[str]:
    """At the commas that stand alone; of two in a row one is left."""
    parts = [""]
    position = 0
    while position < len(text):
        if text.startswith(",,", position):
            parts[-1] += ","
            position += 2
            continue
        if text[position] == ",":
            parts.append("")
        else:
            parts[-1] += text[position]
        position += 1
    return parts


def values(option: str, text: str, keys: tuple[str, ...]) -> tuple[str, dict[str, str | list[str]]]:
    """The name, and what is given by key."""
    name, equals, rest = text.partition("=")
    if not equals or not name or "," in name or ":" in name:
        raise Stop(f"{option} {text}: it begins with a name: NAME=KEY:VALUE,…", Status.USAGE)
    found: dict[str, str | list[str]] = {key: [] for key in LISTS if key in keys}
    for part in split(rest):
        key, colon, value = part.partition(":")
        if key not in keys or not colon:
            raise Stop(f"{option} {name}: '{part}' is not KEY:VALUE with one of {', '.join(keys)}. "
                       "(A comma inside a value is written twice.)", Status.USAGE)
        if key in LISTS:
            found[key].append(value)
        elif key in found:
            raise Stop(f"{option} {name}: {key} is given twice.", Status.USAGE)
        else:
            found[key] = value
    return name, found


def required(option: str, name: str, found: dict, keys: tuple[str, ...]) -> None:
    missing = [key for key in keys if key not in found]
    if missing:
        raise Stop(f"{option} {name}: {' and '.join(missing)} must be given too.", Status.USAGE)


def vm(text: str) -> VmSpec:
    name, found = values("--vm", text, VM_KEYS)
    required("--vm", name, found, ("cpus", "memory", "kernel"))
    guests = named(name, lambda: [guest(found["kernel"], found.get("initrd"), found.get("append")),
                                  *next_guest(found.get("next-kernel"), found.get("next-initrd"), found.get("next-append"))])
    return VmSpec(name, found["cpus"], found["memory"], guests, devices=found["device"], slot=found.get("slot"),
                  on_reset=found.get("on-reset"))


def named(name: str, make: Callable) -> list:
    """What goes wrong, with the VM's name in front."""
    try:
        return make()
    except Stop as stop:
        raise Stop(f"--vm {name}: {stop}", stop.status) from None


def shared(text: str) -> SharedMemory:
    name, found = values("--shared", text, SHARED_KEYS)
    required("--shared", name, found, SHARED_KEYS)
    return SharedMemory(name, found["size"], tuple(found["vms"].split("+")))
