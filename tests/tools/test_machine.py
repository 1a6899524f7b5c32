# SPDX-License-Identifier: BSD-2-Clause
import tempfile
import unittest
from pathlib import Path

from boot_images import MIB, MODULES_START, Guest, parse_size
from errors import Stop
from machine import Machine


class Machines(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def file(self, name: str, size: int, head: bytes = b"") -> Path:
        path = self.folder / name
        path.write_bytes(head + bytes(size - len(head)))
        return path

    def test_modules_do_not_overlap_and_keep_their_order(self):
        guests = [Guest(self.file("k1", 3 * MIB), self.file("r1", 1), "a=1,2"), Guest(self.file("k2", MIB))]
        argv = Machine(guests, self.file("baton.img", 1)).command()
        loaders = [word for word in argv if word.startswith("guest-loader")]
        self.assertEqual([word.split(",")[1] for word in loaders],
                         [f"addr={MODULES_START + offset * MIB:#x}" for offset in (0, 4, 6)])
        self.assertTrue(loaders[0].endswith("bootargs=a=1,,2"))

    def test_too_little_memory_is_refused(self):
        with self.assertRaisesRegex(Stop, "--memory"):
            Machine([Guest(self.file("k", 2 * MIB))], self.file("baton.img", 1), memory="160M").command()

    def test_a_file_that_is_not_there_is_named(self):
        kernel, missing = self.file("k", 1), self.folder / "missing"
        with self.assertRaisesRegex(Stop, "missing cannot be read"):
            Machine([Guest(kernel, missing)], self.file("baton.img", 1)).command()

    def test_a_cpu_that_the_board_does_not_have_is_refused(self):
        with self.assertRaisesRegex(Stop, "'pentium' is no 64-bit CPU"):
            Machine([Guest(self.file("k", 1))], cpu="pentium").command()
        Machine([Guest(self.file("k", 1))], cpu="max,pauth-impdef=on").command()

    def test_many_cpus_of_linux_take_turns(self):
        linux = Guest(self.file("linux", 64, b"MZ"))
        other = Guest(self.file("other", 64))
        for guest, cpus, single in ((linux, 31, False), (linux, 32, True), (other, 512, False)):
            self.assertEqual(Machine([guest], cpus=cpus).threads_are_single(), single)
        self.assertFalse(Machine([linux], cpus=80, single_thread=False).threads_are_single())

    def test_sizes(self):
        self.assertEqual([parse_size(text) for text in ("512", "512M", "4G", "1t")],
                         [512 * MIB, 512 * MIB, 4096 * MIB, 1 << 40])
        for text in ("", "G", "1.5G", "-1", "4K"):
            with self.subTest(text), self.assertRaises(Stop):
                parse_size(text)
