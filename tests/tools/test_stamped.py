# SPDX-License-Identifier: BSD-2-Clause
import re
import struct
import tempfile
import unittest
from pathlib import Path

import restarts
from errors import Stop
from stamped import BRANCH_OFFSET, IMAGE_SIZE_OFFSET, LEAVE_OFFSET, stamped

BYTES = 0x1004
IMAGE_SIZE = 0x2000
ENTRY = 0x800
STAMP = struct.pack("<IIIII", 1, 2, 3, 4, 5)
BRANCH_TO_ENTRY = 0x14000000 | (ENTRY - BRANCH_OFFSET) // 4


def target(data: bytes, at: int) -> int:
    """Where the branch there goes."""
    word, = struct.unpack_from("<I", data, at)
    distance = (word & 0x3FFFFFF) - (0x4000000 if word & 0x2000000 else 0)
    return at + 4 * distance if word >> 26 == 5 else -1


class Stamped(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def stamped(self, branch: int = BRANCH_TO_ENTRY, size: int = IMAGE_SIZE) -> bytes:
        image = bytearray(BYTES)
        struct.pack_into("<I", image, BRANCH_OFFSET, branch)
        struct.pack_into("<Q", image, IMAGE_SIZE_OFFSET, size)
        (self.folder / "Image").write_bytes(image)
        (self.folder / "stamp").write_bytes(STAMP)
        return stamped(self.folder / "Image", self.folder / "stamp", self.folder / "new").read_bytes()

    def test_the_header_goes_to_the_stamp_and_the_stamp_to_the_entry(self):
        data = self.stamped()
        place = target(data, BRANCH_OFFSET)
        self.assertEqual(place % 64, 0)
        self.assertGreaterEqual(place, BYTES)
        self.assertEqual(data[place : place + LEAVE_OFFSET], STAMP[:LEAVE_OFFSET])
        self.assertEqual(target(data, place + LEAVE_OFFSET), ENTRY)
        self.assertEqual(len(data), place + len(STAMP))

    def test_an_image_with_no_room_or_another_beginning_is_refused(self):
        with self.assertRaisesRegex(Stop, "no room"):
            self.stamped(size=BYTES)
        with self.assertRaisesRegex(Stop, "no branch"):
            self.stamped(branch=0xD503201F)


class Clock(unittest.TestCase):
    def test_messages_and_stamp_are_counted_from_the_call(self):
        announced = ("[    8.000000] restart: now 0, at 500 of 1000 a second\n"
                     "[    9.000000] restart: now 1000, at 1500 of 1000 a second\n")
        text = f"# restart kexec\n{announced}[    9.750000] Bye!\nstamp: 0x00000000000007d0\n[    0.000000] Booting\n"
        total, messages = restarts.since_call(restarts.STAMPED.search(text), text)
        self.assertEqual(total, 500)
        self.assertEqual(messages, {"Bye!": 250})
