#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes what the fuzzer of bundles begins with: bundle_seeds.py ARCHIVE FILE."""

import struct
import sys
from pathlib import Path


def entry(name: bytes, content: bytes) -> bytes:
    numbers = (1, 0o100644, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % number for number in numbers) + name + b"\0"
    head += bytes(-len(head) % 4)
    return head + content + bytes(-len(content) % 4)


def archive() -> bytes:
    files = {b"kernel": b"Image", b"initrd": b"initrd", b"cmdline": b"console=ttyS0\n", b"options": b"baton.rotate",
             b"next/kernel": b"Image", b"next2/kernel": b"Image", b"TRAILER!!!": b""}
    return b"".join(entry(name, content) for name, content in files.items())


def file() -> bytes:
    """Baton is its first 512 bytes."""
    names = (b".linux", b".initrd", b".cmdline", b".batopt", b".linux2", b".cmdlin2")
    data = bytearray(512)
    data[:2] = b"MZ"
    struct.pack_into("<I", data, 0x3C, 0x40)
    struct.pack_into("<4sHH12xH", data, 0x40, b"PE\0\0", 0xAA64, len(names), 0)
    for number, name in enumerate(names):
        offset = 512 + 16 * number
        struct.pack_into("<8sIIII", data, 0x58 + 40 * number, name, 16, offset, 16, offset)
    return bytes(data) + b"console=ttyS0 x " * len(names)


Path(sys.argv[1]).write_bytes(b"\1" + archive())
Path(sys.argv[2]).write_bytes(b"\0" + file())
