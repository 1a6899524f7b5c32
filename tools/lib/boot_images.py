# SPDX-License-Identifier: BSD-2-Clause
"""The images of guests, and where QEMU is to put them in RAM."""

from dataclasses import dataclass
from pathlib import Path

from errors import Status, Stop

KIB = 1 << 10
MIB = 1 << 20
RAM_START = 0x40000000
# QEMU puts Baton at RAM_START + 2 MiB and the DTB at RAM_START + 128 MiB; the modules follow.
MODULES_START = RAM_START + 160 * MIB
MODULE_ALIGN = 2 * MIB


@dataclass(frozen=True)
class Guest:
    """A kernel (raw arm64 Image), its initrd and its command line."""

    kernel: Path
    initrd: Path | None = None
    append: str = ""

    def is_linux(self) -> bool:
        """Linux's Image begins like a PE file, for its EFI stub."""
        with open(self.kernel, "rb") as file:
            return file.read(2) == b"MZ"


@dataclass(frozen=True)
class Module:
    """A boot module in its place. kind: "kernel" or "ramdisk". Address and size in bytes."""

    kind: str
    file: Path
    bootargs: str
    address: int
    size: int


class Placement:
    """Puts modules one behind the other into RAM of a size in bytes."""

    def __init__(self, ram: int):
        self._ram = ram
        self._next = MODULES_START

    def put(self, guests: list[Guest]) -> list[Module]:
        modules = []
        for guest in guests:
            modules.append(self._module("kernel", guest.kernel, guest.append))
            if guest.initrd:
                modules.append(self._module("ramdisk", guest.initrd, ""))
        return modules

    def _module(self, kind: str, file: Path, bootargs: str) -> Module:
        address, size = self._next, size_of(file)
        end = address + size
        if end > RAM_START + self._ram:
            raise Stop(f"{self._ram // MIB} MiB of RAM do not hold all images: {file} would end {end - RAM_START:#x} "
                       "bytes above the RAM's start. Give more with --memory.", Status.USAGE)
        self._next = -(-end // MODULE_ALIGN) * MODULE_ALIGN
        return Module(kind, file, bootargs, address, size)


def size_of(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError as error:
        raise Stop(f"the image {file} cannot be read: {error.strerror}.", Status.USAGE) from None


def escaped(value) -> str:
    """A comma inside a value of a QEMU option is written twice."""
    return str(value).replace(",", ",,")


def parse_size(text: str) -> int:
    """Bytes; like QEMU's -m: a plain number is in MiB."""
    units = {"M": MIB, "G": 1 << 30, "T": 1 << 40}
    number, unit = (text[:-1], text[-1].upper()) if text[-1:].isalpha() else (text, "M")
    if unit not in units or not (number.isascii() and number.isdecimal()):
        raise Stop(f"'{text}' is no memory size. Write 512M or 4G.", Status.USAGE)
    return int(number) * units[unit]
