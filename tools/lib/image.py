# SPDX-License-Identifier: BSD-2-Clause
"""The arm64 Image format (Documentation/arch/arm64/booting.rst): check, and unpack where gzip'd."""

import gzip
import hashlib
import zlib
from pathlib import Path

from errors import Status, Stop
from paths import CACHE, private_write

MAGIC = b"ARM\x64"
MAGIC_OFFSET = 56
HEADER_SIZE = 64
GZIP_MAGIC = b"\x1f\x8b"


def arm64_image(path: Path) -> Path:
    """A raw Image for the file: itself, or an unpacked copy in the cache."""
    head = read_head(path, "kernel")
    if head[:2] == GZIP_MAGIC:
        return unpacked(path)
    if head[MAGIC_OFFSET : MAGIC_OFFSET + 4] != MAGIC:
        raise Stop(f"{path} is no arm64 kernel Image: {what_it_is(head)}. Give the file that the kernel's "
                   "build leaves in arch/arm64/boot/Image (Image.gz does too).", Status.USAGE)
    return path


def read_head(path: Path, what: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(HEADER_SIZE)
    except OSError as error:
        raise Stop(f"the {what} {path} cannot be read: {error.strerror}.", Status.USAGE) from None


def what_it_is(head: bytes) -> str:
    if len(head) < HEADER_SIZE:
        return f"it is only {len(head)} bytes long"
    if head[:4] == b"\x7fELF":
        return "it is an ELF file (vmlinux?)"
    if head[4:8] == b"zimg":
        return "it is an EFI application with a compressed kernel inside (vmlinuz.efi)"
    if head[:2] == b"MZ":
        return "it is a PE file without the arm64 magic"
    return "the magic number at offset 56 is missing"


def unpacked(path: Path) -> Path:
    data = path.read_bytes()
    copy = CACHE / "unpacked" / f"{hashlib.sha256(data).hexdigest()[:16]}.Image"
    if not copy.exists():
        try:
            raw = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise Stop(f"{path} looks like a gzip file but cannot be unpacked: {error}.", Status.USAGE) from None
        if raw[MAGIC_OFFSET : MAGIC_OFFSET + 4] != MAGIC:
            raise Stop(f"{path} holds no arm64 kernel Image: {what_it_is(raw[:HEADER_SIZE])}.", Status.USAGE)
        private_write(copy, raw)
    return copy
