# SPDX-License-Identifier: BSD-2-Clause
import gzip
import tempfile
import unittest
from pathlib import Path

import cpio
import modules
from errors import Status, Stop
from image import arm64_image

IMAGE = bytes(56) + b"ARM\x64" + bytes(4) + b"code"


class Images(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = Path(folder.name) / "file"

    def test_raw_image_is_taken_as_it_is(self):
        self.file.write_bytes(IMAGE)
        self.assertEqual(arm64_image(self.file), self.file)

    def test_gzipped_image_is_unpacked(self):
        self.file.write_bytes(gzip.compress(IMAGE, mtime=0))
        self.assertEqual(arm64_image(self.file).read_bytes(), IMAGE)

    def test_what_is_no_image_is_refused_by_name(self):
        wrong = {b"\x7fELF" + bytes(96): "ELF", b"short": "5 bytes", bytes(96): "offset 56",
                 gzip.compress(b"no kernel"): "holds no", b"\x1f\x8b broken" + bytes(96): "unpacked"}
        for data, word in wrong.items():
            self.file.write_bytes(data)
            with self.subTest(word), self.assertRaisesRegex(Stop, word) as caught:
                arm64_image(self.file)
            self.assertEqual(caught.exception.status, Status.USAGE)


class Archive(unittest.TestCase):
    def test_linux_format(self):
        archive = cpio.Archive()
        archive.directory("dir")
        archive.file("dir/file", b"hello", 0o755)
        data = archive.finish()
        self.assertEqual(len(data) % 4, 0)
        self.assertEqual(data[:6], b"070701")
        # Mode, size and the padded content of the second entry.
        entry = data.index(b"070701", 6)
        self.assertEqual(int(data[entry + 14 : entry + 22], 16), 0o100755)
        self.assertEqual(int(data[entry + 54 : entry + 62], 16), 5)
        self.assertEqual(data[entry + 110 + 10 : entry + 110 + 15], b"hello")
        self.assertIn(b"TRAILER!!!\0", data)


class Modules(unittest.TestCase):
    def test_dependencies_come_first(self):
        with tempfile.TemporaryDirectory() as name:
            tree = Path(name)
            (tree / "modules.builtin").write_text("kernel/fs/ext4.ko\n")
            (tree / "a-b.ko").write_bytes(b"\x7fELF\0depends=c,d\0name=a_b\0")
            (tree / "c.ko").write_bytes(b"\x7fELF\0depends=\0softdep=pre: d post: e\0")
            (tree / "d.ko").write_bytes(b"\x7fELF\0depends=\0")
            order = [name for name, _ in modules.load_order(tree, ["ext4", "a_b"])]
            self.assertEqual(order, ["d", "c", "a_b"])
            with self.assertRaisesRegex(Stop, "no module x"):
                modules.load_order(tree, ["x"])


if __name__ == "__main__":
    unittest.main()
