# SPDX-License-Identifier: BSD-2-Clause
"""Baton's image as the PE file that it is, too: reads its headers, and adds sections behind its own.

Each byte is at one offset in the file and in memory, so that the file may be loaded by its sections (UEFI) or as it is
(QEMU's -kernel, U-Boot's booti, kexec). Nothing of the file is outside of headers and sections, for a signature covers
those (Authenticode)."""

import struct
from dataclasses import dataclass

from errors import Status, Stop

PAGE = 4096
IMAGE_SIZE_OFFSET = 16  # of the arm64 Image header
PE_OFFSET_OFFSET = 0x3C
FILE_HEADER_SIZE = 24  # with the signature
SECTION_COUNT_OFFSET = 6
OPTIONAL_SIZE_OFFSET = 20
INITIALIZED_SIZE_OFFSET, IMAGE_SIZE_IN_PE_OFFSET, HEADERS_SIZE_OFFSET = 8, 56, 60  # of the optional header
SECTION = struct.Struct("<8sIIIIIIHHI")
CONSTANTS = 0x40000040  # initialized data, read
LARGEST = 1 << 32


@dataclass(frozen=True)
class Section:
    """offset: in the file and in memory. size: in memory. file_size: what the file has of it."""

    name: str
    offset: int
    size: int
    file_size: int


class Image:
    """baton.img, to be made longer."""

    def __init__(self, data: bytes, name: str):
        self._data = bytearray(data)
        try:
            self._pe, = struct.unpack_from("<I", data, PE_OFFSET_OFFSET)
            count, = struct.unpack_from("<H", data, self._pe + SECTION_COUNT_OFFSET)
            optional_size, = struct.unpack_from("<H", data, self._pe + OPTIONAL_SIZE_OFFSET)
            self._optional = self._pe + FILE_HEADER_SIZE
            self._table = self._optional + optional_size
            whole = data[:2] == b"MZ" and data[self._pe : self._pe + 4] == b"PE\0\0" and self._table <= PAGE
            self._sections = [self._read(at) for at in range(count)]
        except struct.error:
            whole = False
        if not whole or not self._sections:
            raise Stop(f"{name} is no image of Baton that can take a bundle: it has no PE header.", Status.USAGE)

    @property
    def sections(self) -> list[Section]:
        return list(self._sections)

    def add(self, name: str, content: bytes) -> None:
        """The section begins where all before it end in memory: what they have there that the file has not is zeros."""
        headers_size, = struct.unpack_from("<I", self._data, self._optional + HEADERS_SIZE_OFFSET)
        if self._table + (len(self._sections) + 1) * SECTION.size > headers_size:
            raise Stop(f"there is no room for one more section, {name}.", Status.USAGE)
        offset = self._fill_last()
        file_size = len(content) + -len(content) % PAGE
        if offset + file_size >= LARGEST:
            raise Stop("the bundle would be larger than 4 GiB, and a PE file cannot be.", Status.USAGE)
        self._data += content + bytes(file_size - len(content))
        self._sections.append(Section(name, offset, len(content), file_size))
        at = self._table + (len(self._sections) - 1) * SECTION.size
        SECTION.pack_into(self._data, at, name.encode(), len(content), offset, file_size, offset, 0, 0, 0, 0, CONSTANTS)
        struct.pack_into("<H", self._data, self._pe + SECTION_COUNT_OFFSET, len(self._sections))
        self._grow(INITIALIZED_SIZE_OFFSET, file_size)
        struct.pack_into("<I", self._data, self._optional + IMAGE_SIZE_IN_PE_OFFSET, offset + file_size)
        struct.pack_into("<Q", self._data, IMAGE_SIZE_OFFSET, offset + file_size)

    def finish(self) -> bytes:
        return bytes(self._data)

    def _read(self, number: int) -> Section:
        name, size, offset, file_size, file_offset, *_ = SECTION.unpack_from(self._data, self._table + number * SECTION.size)
        if offset != file_offset:
            raise Stop(f"section {name} lies at different offsets in file and memory.", Status.USAGE)
        return Section(name.rstrip(b"\0").decode(), offset, size, file_size)

    def _fill_last(self) -> int:
        """Makes the last section as long in the file as in memory. Returns its end, in whole pages."""
        last = self._sections[-1]
        size = max(last.size, last.file_size)
        size += -size % PAGE
        self._data += bytes(last.offset + size - len(self._data))
        if size != last.file_size:
            at = self._table + (len(self._sections) - 1) * SECTION.size
            struct.pack_into("<I", self._data, at + 16, size)
            self._grow(INITIALIZED_SIZE_OFFSET, size - last.file_size)
            struct.pack_into("<I", self._data, self._optional + INITIALIZED_SIZE_OFFSET + 4, 0)
            self._sections[-1] = Section(last.name, last.offset, last.size, size)
        return last.offset + size

    def _grow(self, field: int, size: int) -> None:
        was, = struct.unpack_from("<I", self._data, self._optional + field)
        struct.pack_into("<I", self._data, self._optional + field, was + size)
