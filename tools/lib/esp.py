# SPDX-License-Identifier: BSD-2-Clause
"""Disk images with an EFI system partition: a GPT with one FAT32 file system, as firmware finds it on a machine's disk."""

import struct
import subprocess
import uuid
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from errors import Stop

SECTOR = 512
START = 2048
# UEFI Specification 2.10, 5.3.3 (the type of an EFI system partition).
ESP_TYPE = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
# The same each time, so that a boot entry which names them stays good.
DISK_ID = uuid.UUID("6261746f-6e00-4000-8000-000000000001")
PARTITION_ID = uuid.UUID("6261746f-6e00-4000-8000-000000000002")
ENTRIES = 128
ENTRY_BYTES = 128
TABLE_SECTORS = ENTRIES * ENTRY_BYTES // SECTOR
# FAT32 begins at 65,525 clusters, here of one sector; and room for what is written on the machine.
MINIMUM = 40 << 20

Contents = Mapping[str, Path | bytes]


def make_esp(path: Path, contents: Contents) -> Path:
    """contents: {path on the partition: a file of this machine, or the bytes themselves}."""
    size = sum(len(data) if isinstance(data, bytes) else data.stat().st_size for data in contents.values())
    sectors = -(-(MINIMUM + size + size // 8) // SECTOR)
    with open(path, "wb") as image:
        image.truncate((START + sectors + 1 + TABLE_SECTORS) * SECTOR)
        write_table(image, sectors)
    drive = f"{path}@@{START * SECTOR}"
    # One head of one track: mtools wants to hear of a geometry.
    mtool("mformat", "-i", drive, "-F", "-v", "BATON", "-T", str(sectors), "-h", "1", "-s", "1", "-c", "1", "-H", str(START), "::")
    folders = {str(parent) for name in contents for parent in PurePosixPath(name).parents} - {"."}
    for folder in sorted(folders):
        mtool("mmd", "-i", drive, f"::{folder}")
    for name, data in contents.items():
        if isinstance(data, bytes):
            mtool("mcopy", "-i", drive, "-", f"::{name}", input=data)
        else:
            mtool("mcopy", "-i", drive, str(data), f"::{name}")
    return path


def mtool(*argv: str, **more) -> None:
    try:
        done = subprocess.run(argv, capture_output=True, **more)
    except FileNotFoundError:
        raise Stop(f"{argv[0]} is not installed. Run tools/lib/setup.sh.") from None
    if done.returncode != 0:
        raise Stop(f"'{' '.join(argv)}' failed: {done.stderr.decode(errors='replace').strip()}")


def write_table(image, sectors: int) -> None:
    """The protective MBR and both copies of the GPT (UEFI Specification 2.10, 5.2.3 and 5.3.2)."""
    last = START + sectors + TABLE_SECTORS
    mbr = struct.pack("<B3sB3sII", 0, b"\0\2\0", 0xEE, b"\xff\xff\xff", 1, min(last, 0xFFFFFFFF))
    image.write(bytes(446) + mbr + bytes(48) + b"\x55\xaa")
    entry = struct.pack("<16s16sQQQ72s", ESP_TYPE.bytes_le, PARTITION_ID.bytes_le, START, START + sectors - 1, 0,
                        "EFI system partition".encode("utf-16-le"))
    table = entry + bytes((ENTRIES - 1) * ENTRY_BYTES)
    for own, other, entries in ((1, last, 2), (last, 1, last - TABLE_SECTORS)):
        image.seek(own * SECTOR)
        image.write(header(own, other, entries, last, zlib.crc32(table)))
        image.seek(entries * SECTOR)
        image.write(table)


def header(own: int, other: int, entries: int, last: int, table_crc: int) -> bytes:
    def packed(crc: int) -> bytes:
        return struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, crc, 0, own, other, 2 + TABLE_SECTORS,
                           last - TABLE_SECTORS - 1, DISK_ID.bytes_le, entries, ENTRIES, ENTRY_BYTES, table_crc)

    return packed(zlib.crc32(packed(0)))
