# SPDX-License-Identifier: BSD-2-Clause
import lzma
import tempfile
import unittest
from pathlib import Path

from errors import Stop
from modules import load_order


class LoadOrder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.tree = Path(folder.name)

    def module(self, path: str, *strings: str) -> None:
        """strings: of its .modinfo section."""
        file = self.tree / "kernel" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        data = b"\x7fELF\0" + b"".join(string.encode() + b"\0" for string in strings)
        file.write_bytes(lzma.compress(data) if file.suffix == ".xz" else data)

    def order(self, *wanted: str) -> list[str]:
        return [name for name, _ in load_order(self.tree, list(wanted))]

    def test_what_a_module_depends_on_comes_first(self):
        self.module("fs/ext4.ko", "depends=jbd2,mb-cache")
        self.module("fs/jbd2.ko", "depends=")
        self.module("fs/mb-cache.ko.xz", "depends=")
        self.assertEqual(self.order("ext4"), ["jbd2", "mb_cache", "ext4"])

    def test_an_algorithm_is_found_by_its_alias(self):
        for alias in ("crc32c", "crypto-crc32c"):
            with self.subTest(alias):
                self.module("fs/ext4.ko", f"softdep=pre: {alias}", "depends=")
                self.module("arch/arm64/crypto/crc32c-ce.ko.xz", "alias=crc32c", "alias=crypto-crc32c", "depends=")
                self.module("crypto/crc32c_generic.ko.xz", "alias=crc32c", "alias=crypto-crc32c", "depends=")
                self.module("lib/libcrc32c.ko", "depends=")
                self.assertEqual(self.order("ext4"), ["crc32c_generic", "ext4"])

    def test_built_in_modules_need_no_file(self):
        self.module("fs/ext4.ko", "softdep=pre: crypto-crc32c", "depends=jbd2")
        (self.tree / "modules.builtin").write_text("kernel/fs/jbd2.ko\nkernel/lib/crc16.ko\n")
        self.assertEqual(self.order("ext4", "crc16"), ["ext4"])

    def test_a_missing_module_is_named(self):
        with self.assertRaisesRegex(Stop, "no module nothing"):
            self.order("nothing")
