# SPDX-License-Identifier: BSD-2-Clause
import unittest

from errors import Stop
from start import Start, chosen


class Chosen(unittest.TestCase):
    def test_without_options_qemu_starts_it(self):
        self.assertEqual(chosen(None, None, None, bundled=True), Start())

    def test_defaults(self):
        self.assertEqual(chosen("edk2", None, None, bundled=True), Start("edk2", "firmware", acpi=True))
        self.assertEqual(chosen("u-boot", None, None, bundled=True), Start("u-boot", "booti"))
        self.assertEqual(chosen(None, "grub", False, bundled=True), Start("edk2", "grub"))
        self.assertEqual(chosen(None, "qemu", None, bundled=True), Start(None, "qemu"))

    def test_a_kernel_and_its_initrd_are_handed_over_by_qemu(self):
        self.assertEqual(chosen("edk2", None, None, bundled=False), Start("edk2", None, acpi=True))

    def test_what_cannot_be_is_refused(self):
        for wrong in ((None, None, True), (None, None, False), ("u-boot", None, True), ("edk2", "booti", None)):
            with self.subTest(wrong), self.assertRaises(Stop):
                chosen(*wrong, bundled=True)
        with self.assertRaisesRegex(Stop, "one file"):
            chosen(None, "grub-chainloader", None, bundled=False)
