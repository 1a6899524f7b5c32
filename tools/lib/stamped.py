# SPDX-License-Identifier: BSD-2-Clause
"""Puts a stamp (tests/bench/stamp.S) in front of an arm64 Image: it says when the Image's first instruction came."""

import struct
from pathlib import Path

from errors import Stop
from image import HEADER_SIZE
from paths import private_write

# In the header: the second instruction, which branches to the entry, and the size in memory.
BRANCH_OFFSET = 4
IMAGE_SIZE_OFFSET = 16
# In the stamp: the branch that leaves it.
LEAVE_OFFSET = 12
# The instruction B: its distance, in words, is in the lower bits.
BRANCH = 0b000101 << 26
DISTANCE = (1 << 26) - 1


def stamped(image: Path, stamp: Path, to: Path) -> Path:
    """
    Writes the Image with the stamp behind its last byte, in what will be the kernel's .bss. The header's branch goes
    to the stamp, and from there on to the entry.
    """
    data, code = bytearray(image.read_bytes()), bytearray(stamp.read_bytes())
    branch, = struct.unpack_from("<I", data, BRANCH_OFFSET)
    size, = struct.unpack_from("<Q", data, IMAGE_SIZE_OFFSET)
    if branch & ~DISTANCE != BRANCH:
        raise Stop(f"{image} does not begin as a stamp needs it: its second instruction is {branch:#010x}, no branch.")
    data += bytes(-len(data) % HEADER_SIZE)
    place = len(data)
    if place + len(code) > size:
        raise Stop(f"{image} has no room for a stamp: {place:#x} bytes of {size:#x} are used.")
    entry = BRANCH_OFFSET + (branch & DISTANCE) * 4
    struct.pack_into("<I", code, LEAVE_OFFSET, branch_over(entry - (place + LEAVE_OFFSET)))
    struct.pack_into("<I", data, BRANCH_OFFSET, branch_over(place - BRANCH_OFFSET))
    private_write(to, data + code)
    return to


def branch_over(distance: int) -> int:
    """The instruction that branches so many bytes on, or back."""
    return BRANCH | distance // 4 & DISTANCE
