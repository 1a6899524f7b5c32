# SPDX-License-Identifier: BSD-2-Clause
import tempfile
import unittest
from pathlib import Path

import debian
import programs
from errors import Stop
from initrd import initrd

KERNEL = debian.kernel("6.12")


def names(archive: bytes) -> dict[str, str]:
    """{name: mode in octal} of a newc archive."""
    found, at = {}, 0
    while True:
        mode, size, name_size = (int(archive[at + 6 + 8 * field : at + 14 + 8 * field], 16) for field in (1, 6, 11))
        name = archive[at + 110 : at + 109 + name_size].decode()
        if name == "TRAILER!!!":
            return found
        found[name] = oct(mode)
        at += -(-(110 + name_size) // 4) * 4 + -(-size // 4) * 4


class ExtraFiles(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = Path(folder.name) / "file"
        self.file.write_text("one")

    def build(self, extra: dict[str, Path]) -> Path:
        path = initrd(KERNEL, extra)
        self.addCleanup(path.unlink, missing_ok=True)
        return path

    def test_files_come_with_their_folders_and_modes(self):
        self.file.chmod(0o755)
        found = names(self.build({"usr/share/deep/file": self.file}).read_bytes())
        order = list(found)
        self.assertEqual(found["usr/share/deep/file"], "0o100755")
        for folder in ("usr", "usr/share", "usr/share/deep"):
            self.assertEqual(found[folder], "0o40755")
            self.assertLess(order.index(folder), order.index("usr/share/deep/file"))
        self.assertEqual(len(order), len(set(order)))

    def test_another_content_is_another_initrd(self):
        first = self.build({"etc/file": self.file})
        self.file.write_text("two")
        self.assertNotEqual(first, self.build({"etc/file": self.file}))
        self.assertNotEqual(first, initrd(KERNEL))


class Programs(unittest.TestCase):
    def test_libraries_of_libraries_are_found(self):
        found = programs.kexec()
        for name in ("bin/kexec", "lib/ld-linux-aarch64.so.1", "lib/libc.so.6", "lib/libxentoolcore.so.1"):
            self.assertTrue(found[name].exists())

    def test_a_missing_program_is_named(self):
        with self.assertRaisesRegex(Stop, "sbin/nothing"):
            programs.program(debian.KEXEC_TOOLS, "sbin/nothing")
