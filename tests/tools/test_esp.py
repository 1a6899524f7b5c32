# SPDX-License-Identifier: BSD-2-Clause
import struct
import subprocess
import tempfile
import unittest
import zlib
from pathlib import Path

from esp import SECTOR, START, make_esp


class Esp(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "esp.img"
        file = Path(folder.name) / "file"
        file.write_bytes(b"from a file")
        make_esp(self.path, {"EFI/BOOT/BOOTAA64.EFI": file, "loader/loader.conf": b"from memory"})

    def test_files_are_found(self):
        for name, content in (("EFI/BOOT/BOOTAA64.EFI", b"from a file"), ("loader/loader.conf", b"from memory")):
            done = subprocess.run(["mtype", "-i", f"{self.path}@@{START * SECTOR}", f"::{name}"], capture_output=True)
            self.assertEqual(done.stdout, content)

    def test_both_partition_tables_are_sound(self):
        image = self.path.read_bytes()
        last = len(image) // SECTOR - 1
        for own, other in ((1, last), (last, 1)):
            header = image[own * SECTOR : own * SECTOR + 92]
            signature, _, size, crc, _, here, there = struct.unpack_from("<8sIIIIQQ", header)
            self.assertEqual((signature, size, here, there), (b"EFI PART", 92, own, other))
            self.assertEqual(crc, zlib.crc32(header[:16] + bytes(4) + header[20:]))
            entries, count, length, table_crc = struct.unpack_from("<QIII", header, 72)
            self.assertEqual(table_crc, zlib.crc32(image[entries * SECTOR :][: count * length]))
