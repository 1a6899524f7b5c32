# SPDX-License-Identifier: BSD-2-Clause
import struct
import tempfile
import unittest
from pathlib import Path

import bundle
import pe
from boot_images import Guest
from errors import Status, Stop

OPTIONAL_SIZE = 160
OWN = [(b".text", 0x1000, 0x1000, 0x1000), (b".data", 0x5000, 0x2000, 0x200)]


def baton(sections=OWN) -> bytes:
    """As baton.img begins: an arm64 Image and a PE file, whose .data is longer in memory than in the file."""
    data = bytearray(0x1000)
    data[:2] = b"MZ"
    struct.pack_into("<Q", data, 16, 0x7000)
    struct.pack_into("<4sI", data, 56, b"ARM\x64", 0x40)
    struct.pack_into("<4sHH12xHH", data, 0x40, b"PE\0\0", 0xAA64, len(sections), OPTIONAL_SIZE, 0)
    struct.pack_into("<H2xIII", data, 0x58, 0x20B, 0x1000, 0x200, 0x4E00)
    struct.pack_into("<II", data, 0x58 + 56, 0x7000, 0x1000)
    for number, (name, size, offset, file_size) in enumerate(sections):
        struct.pack_into("<8sIIII", data, 0x58 + OPTIONAL_SIZE + 40 * number, name, size, offset, file_size, offset)
    return bytes(data) + b"T" * 0x1000 + b"D" * 0x200


def sections_of(data: bytes) -> dict[str, tuple[int, int, int, int]]:
    """name: size in memory, address, size in the file, offset."""
    count, = struct.unpack_from("<H", data, 0x46)
    rows = [struct.unpack_from("<8sIIII", data, 0x58 + OPTIONAL_SIZE + 40 * number) for number in range(count)]
    return {name.rstrip(b"\0").decode(): tuple(numbers) for name, *numbers in rows}


class Bundle(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.baton = self.file("baton.img", baton())
        self.kernel = self.file("kernel", b"first kernel, Linux version 6.1.0-9-arm64 (x)")
        self.initrd = self.file("initrd", b"i" * 5000)

    def file(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(data)
        return path

    def content(self, option_words: str = "baton.rotate") -> bundle.Content:
        guests = [Guest(self.kernel, self.initrd, "console=ttyAMA0"), Guest(self.kernel, None, "second=1")]
        return bundle.content(guests, option_words)

    def test_parts_are_sections_at_one_offset_in_file_and_memory(self):
        data = bundle.efi_bundle(self.baton, self.content())
        sections = sections_of(data)
        self.assertEqual(list(sections), [".text", ".data", ".osrel", ".uname", ".batopt", ".linux", ".initrd", ".cmdline",
                                          ".linux2", ".cmdlin2"])
        end = 0x1000
        for size, address, file_size, offset in sections.values():
            self.assertEqual(address, offset)
            self.assertEqual(offset, end)  # a signature covers sections, and nothing between them
            self.assertLessEqual(size, file_size)
            end = offset + file_size
        self.assertEqual(len(data), end)
        text = {name: data[offset : offset + size] for name, (size, _, _, offset) in sections.items()}
        self.assertEqual(text[".linux"], self.kernel.read_bytes())
        self.assertEqual(text[".initrd"], self.initrd.read_bytes())
        self.assertEqual(text[".cmdline"], b"console=ttyAMA0")
        self.assertEqual(text[".cmdlin2"], b"second=1")
        self.assertEqual(text[".batopt"], b"baton.rotate")
        self.assertEqual(text[".uname"], b"6.1.0-9-arm64")
        self.assertIn(b'PRETTY_NAME="Baton, Linux 6.1.0-9-arm64"\n', text[".osrel"])

    def test_what_baton_clears_is_zeros_in_the_file(self):
        data = bundle.efi_bundle(self.baton, self.content())
        self.assertEqual(data[0x2000:0x2200], b"D" * 0x200)
        self.assertEqual(data[0x2200:0x7000], bytes(0x4E00))

    def test_both_headers_tell_the_whole_size(self):
        data = bundle.efi_bundle(self.baton, self.content())
        self.assertEqual(struct.unpack_from("<Q", data, 16), (len(data),))
        self.assertEqual(struct.unpack_from("<I", data, 0x58 + 56), (len(data),))
        code, initialized, zeros = struct.unpack_from("<III", data, 0x5C)
        self.assertEqual((code, initialized, zeros), (0x1000, len(data) - 0x2000, 0))

    def test_archive_has_the_same_parts_by_name(self):
        names = ("options", "kernel", "initrd", "cmdline", "next/kernel", "next/cmdline")
        data = bundle.archive(self.content())
        for name in names:
            self.assertEqual(data.count(b"\0" + name.encode() + b"\0"), 0)
            self.assertIn(name.encode() + b"\0", data)
        self.assertNotIn(b"next/initrd", data)
        self.assertTrue(data.startswith(b"070701"))

    def refused(self, word: str, function, *arguments):
        with self.assertRaisesRegex(Stop, word) as caught:
            function(*arguments)
        self.assertEqual(caught.exception.status, Status.USAGE)

    def test_what_makes_no_sense_is_refused_in_a_sentence(self):
        self.refused("no option of Baton", self.content, "baton.rotate quiet")
        self.refused("no more than 8", bundle.content, [Guest(self.kernel)] * 9, "")
        self.refused("longer than", bundle.content, [Guest(self.kernel, None, "x" * 30_000)], "")
        self.refused("cannot be read", bundle.content, [Guest(self.folder / "missing")], "")
        self.refused("is empty", bundle.content, [Guest(self.file("empty", b""))], "")
        self.refused("no PE header", bundle.efi_bundle, self.kernel, self.content())
        whole = self.file("bundle", bundle.efi_bundle(self.baton, self.content()))
        self.refused("a bundle already", bundle.efi_bundle, whole, self.content())
        apart = bytearray(baton())
        struct.pack_into("<I", apart, 0x58 + OPTIONAL_SIZE + 12, 0x3000)
        self.refused("different offsets", bundle.efi_bundle, self.file("apart", apart), self.content())

    def test_no_more_sections_than_the_first_page_has_room_for(self):
        image = pe.Image(baton(), "baton.img")
        with self.assertRaisesRegex(Stop, "no room"):
            for number in range(100):
                image.add(f".s{number}", b"x")


if __name__ == "__main__":
    unittest.main()
