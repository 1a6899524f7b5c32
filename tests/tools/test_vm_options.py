# SPDX-License-Identifier: BSD-2-Clause
import tempfile
import unittest
from pathlib import Path

from errors import Status, Stop
from image import MAGIC, MAGIC_OFFSET
from vm_options import shared, split, vm


class VmOptions(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.kernel = Path(folder.name) / "a:b,c=d"
        self.kernel.write_bytes(bytes(MAGIC_OFFSET) + MAGIC + bytes(4))
        self.file = str(self.kernel).replace(",", ",,")

    def refused(self, make, text: str) -> str:
        with self.assertRaises(Stop) as caught:
            make(text)
        self.assertEqual(caught.exception.status, Status.USAGE)
        return str(caught.exception)

    def test_a_comma_inside_a_value_is_written_twice(self):
        self.assertEqual(split("a,b"), ["a", "b"])
        self.assertEqual(split("a,,b,c,,,d"), ["a,b", "c,", "d"])

    def test_all_that_a_vm_can_be_given(self):
        spec = vm(f"a=cpus:2-3,,6,memory:256M,kernel:{self.file},initrd:{self.file},append:x=1,,2 y:z,next-kernel:{self.file},"
                  "next-append:again,device:/virtio_mmio@a003e00,device:/pl061@9030000,slot:64M,on-reset:stop")
        self.assertEqual((spec.name, spec.cpus, spec.memory, spec.slot, spec.on_reset), ("a", "2-3,6", "256M", "64M", "stop"))
        self.assertEqual(spec.devices, ["/virtio_mmio@a003e00", "/pl061@9030000"])
        first, second = spec.guests
        self.assertEqual((first.kernel, first.initrd, first.append), (self.kernel, self.kernel, "x=1,2 y:z"))
        self.assertEqual((second.kernel, second.initrd, second.append), (self.kernel, None, "again"))

    def test_what_makes_no_sense_is_refused(self):
        usual = f"cpus:1,memory:64M,kernel:{self.file}"
        self.assertIn("begins with a name", self.refused(vm, usual))
        self.assertIn("'color:red'", self.refused(vm, f"a={usual},color:red"))
        self.assertIn("cpus is given twice", self.refused(vm, f"a={usual},cpus:2"))
        self.assertIn("'3' is not KEY:VALUE", self.refused(vm, f"a={usual},device:/x,3"))
        self.assertIn("memory and kernel must be given", self.refused(vm, "a=cpus:1"))
        self.assertIn("--vm a: the kernel /nowhere", self.refused(vm, "a=cpus:1,memory:64M,kernel:/nowhere"))
        self.assertIn("--vm a: the initrd /nowhere", self.refused(vm, f"a={usual},initrd:/nowhere"))
        self.assertIn("next-kernel", self.refused(vm, f"a={usual},next-append:x"))

    def test_shared_memory(self):
        region = shared("ring=size:1M,vms:host+a")
        self.assertEqual((region.name, region.size, region.vms), ("ring", "1M", ("host", "a")))
        self.assertIn("vms must be given", self.refused(shared, "ring=size:1M"))
