# SPDX-License-Identifier: BSD-2-Clause
"""A guest's RAM seen from outside: a file that QEMU maps, and where virtio devices keep their rings in it."""

import hashlib
import mmap
import struct
from pathlib import Path

from boot_images import RAM_START
from qmp import Qmp

BLOCK = 1 << 16


class GuestRam:
    def __init__(self, path: Path, size: int):
        with open(path, "wb") as file:
            file.truncate(size)
        with open(path, "rb") as file:
            self._map = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
        self.options = ["-object", f"memory-backend-file,id=ram,size={size},mem-path={path},share=on",
                        "-machine", "memory-backend=ram"]

    def close(self) -> None:
        self._map.close()

    def read(self, address: int, size: int) -> bytes:
        return self._map[address - RAM_START : address - RAM_START + size]

    def find(self, data: bytes) -> list[int]:
        """Every address that holds the data."""
        found = []
        at = self._map.find(data)
        while at >= 0:
            found.append(RAM_START + at)
            at = self._map.find(data, at + 1)
        return found

    def fingerprint(self) -> list[bytes]:
        """One digest for each block of RAM."""
        view = memoryview(self._map)
        try:
            return [hashlib.sha256(view[at : at + BLOCK]).digest() for at in range(0, len(view), BLOCK)]
        finally:
            view.release()

    @staticmethod
    def differences(before: list[bytes], after: list[bytes]) -> list[int]:
        """The addresses of the blocks that have changed."""
        return [RAM_START + number * BLOCK for number, pair in enumerate(zip(before, after)) if pair[0] != pair[1]]


class Ring:
    """A virtqueue's used ring, which the device writes."""

    def __init__(self, ram: GuestRam, address: int, size: int):
        self._ram = ram
        self.address = address
        self.bytes = 6 + 8 * size

    def index(self) -> int:
        return struct.unpack("<H", self._ram.read(self.address + 2, 2))[0]

    def content(self) -> bytes:
        return self._ram.read(self.address, self.bytes)


def live_rings(qmp: Qmp, ram: GuestRam) -> dict[str, list[Ring]]:
    """The rings that QEMU's virtio devices use now, by the device's kind: "virtio-net", "virtio-blk"."""
    rings: dict[str, list[Ring]] = {}
    for device in qmp.command("x-query-virtio"):
        status = qmp.command("x-query-virtio-status", path=device["path"])
        for number in range(status["num-vqs"]):
            queue = qmp.command("x-query-virtio-queue-status", path=device["path"], queue=number)
            if queue["vring-used"]:
                rings.setdefault(device["name"], []).append(Ring(ram, queue["vring-used"], queue["vring-num"]))
    return rings
