# SPDX-License-Identifier: BSD-2-Clause
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import device_tree
from boot_images import MIB, MODULES_START, Guest
from errors import Status, Stop
from machine import QEMU, Machine
from vms import SharedMemory, VmSpec, cpu_numbers, quoted


class Vms(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.kernel = Path(folder.name) / "kernel"
        self.kernel.write_bytes(bytes(MIB))

    def vm(self, name="a", cpus="2-3", memory="64M", **more) -> VmSpec:
        return VmSpec(name, cpus, memory, more.pop("guests", [Guest(self.kernel)]), **more)

    def machine(self, *vms: VmSpec, **more) -> Machine:
        return Machine([Guest(self.kernel)], self.kernel, vms=list(vms), **more)

    def refused(self, *vms: VmSpec, **more) -> str:
        with self.assertRaises(Stop) as caught:
            self.machine(*vms, **more).command()
        self.assertEqual(caught.exception.status, Status.USAGE)
        return str(caught.exception)

    def tree(self, machine: Machine) -> Path:
        """The device tree that QEMU is given."""
        dtb = Path(self.kernel.parent) / "dtb"
        dtb.write_bytes(device_tree.extended(device_tree.qemus_own(machine.command()), machine.description()))
        return dtb

    def get(self, dtb: Path, node: str, name: str, kind: str = "s") -> str:
        return subprocess.run(["fdtget", "-t", kind, str(dtb), node, name], capture_output=True, text=True).stdout.strip()

    def test_lists_of_cpus(self):
        self.assertEqual(cpu_numbers("2-3,6"), [2, 3, 6])
        for text in ("", "3-2", "1,", "a", "-1", "1-", "0-99999999", "٣"):
            with self.subTest(text), self.assertRaises(Stop):
                cpu_numbers(text)

    def test_what_makes_no_sense_is_refused(self):
        vm = self.vm
        self.assertIn("CPU 3 is given to VM a and to VM b", self.refused(vm(), vm("b", "3")))
        self.assertIn("CPU 2 is named twice", self.refused(vm(cpus="2,2")))
        self.assertIn("no CPU 4", self.refused(vm(cpus="4")))
        self.assertIn("left for the host VM", self.refused(vm(cpus="0-3")))
        for name in ("host", "baton", "module", "", "1a", "a b", "a@1", "a" * 32):
            with self.subTest(name):
                self.assertIn("cannot be a name", self.refused(vm(name)))
        self.assertIn("given twice", self.refused(vm(), vm(cpus="1")))
        self.assertIn("no memory size", self.refused(vm(memory="much")))
        self.assertIn("size of 0", self.refused(vm(slot="0")))
        self.assertIn("no kernel", self.refused(vm(guests=[])))
        self.assertIn("no path", self.refused(vm(devices=["pl011"])))
        self.assertIn("not 'explode'", self.refused(vm(on_reset="explode")))
        self.assertIn("no VM 'b'", self.refused(vm(), console="b"))
        self.assertIn("no VM 'b'", self.refused(vm(), shared=[SharedMemory("r", "1M", ("host", "b"))]))
        self.assertIn("takes two VMs", self.refused(vm(), shared=[SharedMemory("r", "1M", ("a", "a"))]))
        self.assertIn("--memory", self.refused(vm(), memory="161M"))
        with self.assertRaisesRegex(Stop, "without Baton"):
            Machine([Guest(self.kernel)], vms=[vm()]).command()

    def test_modules_follow_those_of_the_host_vm(self):
        machine = self.machine(self.vm(guests=[Guest(self.kernel, self.kernel), Guest(self.kernel)]), self.vm("b", "1"))
        loaders = [word.split(",")[1] for word in machine.command() if word.startswith("loader,")]
        self.assertEqual(loaders, [f"addr={MODULES_START + offset * MIB:#x}" for offset in (2, 4, 6, 8)])

    def test_other_vms_take_nothing_of_the_host_vms_memory(self):
        self.assertEqual(self.machine(self.vm(memory="64M"), self.vm("b", "1", "64M", slot="8M")).ram(), (1024 + 80 + 72) * MIB)

    def test_strings_of_the_device_tree(self):
        self.assertEqual(quoted('a="\\" é\n'), '"a=\\x22\\x5c\\x22 \\xc3\\xa9\\x0a"')

    @unittest.skipUnless(shutil.which(QEMU) and shutil.which("fdtget"), "QEMU and dtc are not installed")
    def test_the_tree_has_the_vms_and_all_that_qemu_puts_in(self):
        vm = self.vm(guests=[Guest(self.kernel, self.kernel, 'say="hi\\n" x'), Guest(self.kernel)], memory="64M", slot="16M",
                     devices=["/pl061@9030000", "/virtio_mmio@a003e00"], on_reset="stop")
        dtb = self.tree(self.machine(vm, shared=[SharedMemory("ring", "2M", ("host", "a"))], options="baton.report"))
        get = lambda *what: self.get(dtb, *what)
        self.assertEqual(get("/chosen/a", "compatible"), "xen,domain")
        self.assertEqual((get("/chosen/a", "cpus", "u"), get("/chosen/a", "baton,cpus")), ("2", "2-3"))
        self.assertEqual(get("/chosen/a", "memory", "lu"), "65536" if " " not in get("/chosen/a", "memory", "lu") else "0 65536")
        page = [f"/virtio_mmio@{at:x}" for at in range(0xa003000, 0xa004000, 0x200)]
        self.assertEqual(get("/chosen/a", "baton,devices").split(), ["/pl061@9030000", *page])
        self.assertEqual(get("/chosen/a", "baton,on-reset"), "stop")
        first = f"/chosen/a/module@{MODULES_START + 2 * MIB:x}"
        self.assertEqual(get(first, "compatible"), "multiboot,module multiboot,kernel")
        self.assertEqual(get(first, "bootargs"), 'say="hi\\n" x')
        self.assertEqual(get(first, "reg", "x"), f"0 {MODULES_START + 2 * MIB:x} 0 {MIB:x}")
        self.assertEqual(get("/chosen/ring", "baton,vms"), "host a")
        self.assertIn("baton.report", get("/chosen", "bootargs"))
        self.assertEqual(get(f"/chosen/module@{MODULES_START:#x}", "compatible"), "multiboot,module multiboot,kernel")
        for seed in ("kaslr-seed", "rng-seed"):
            self.assertNotEqual(get("/chosen", seed, "x"), "")

    @unittest.skipUnless(shutil.which(QEMU) and shutil.which("fdtget"), "QEMU and dtc are not installed")
    def test_wrong_nodes_can_be_written(self):
        dtb = self.tree(self.machine(self.vm(raw="cpus = <9>; /delete-property/ memory;"), nodes="/ { chosen { b { x; }; }; };"))
        self.assertEqual(self.get(dtb, "/chosen/a", "cpus", "u"), "9")
        self.assertEqual(self.get(dtb, "/chosen/a", "memory", "u"), "")
        self.assertEqual(subprocess.run(["fdtget", "-p", str(dtb), "/chosen/b"], capture_output=True, text=True).stdout, "x\n")
