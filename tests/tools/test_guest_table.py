# SPDX-License-Identifier: BSD-2-Clause
import unittest

from errors import Status
from guest_tests import DEFAULTS, all_ended, judge, runs
from testing import TestFailure
from vm import Outcome

OFF = Outcome(Status.OFF, "off.")
ENTRY = {"name": "n", "proves": "p", "image": "i"}


class Table(unittest.TestCase):
    def test_an_entry_gives_a_run_for_each_board(self):
        tests = runs(ENTRY | {"cpus": [1, 4], "cpu": ["cortex-a53", "max,sve=off"], "quick": True})
        self.assertEqual([test.name for test in tests],
                         ["guest/n/1/cortex-a53", "guest/n/1/max", "guest/n/4/cortex-a53", "guest/n/4/max"])
        self.assertEqual([test.quick for test in tests], [True, False, False, False])

    def test_a_misspelt_key_is_no_silent_default(self):
        for entry in (ENTRY | {"cpuz": [1]}, {"name": "n"}, ENTRY | {"status": "fine"}):
            with self.assertRaises(ValueError):
                runs(entry)

    def verdict(self, console: str, outcome: Outcome = OFF, **entry) -> str:
        try:
            judge(DEFAULTS | ENTRY | entry, console, outcome)
        except TestFailure as failure:
            return str(failure)
        return "passed"

    def test_what_passes(self):
        self.assertEqual(self.verdict("ok: a\nguest: 1 passed, 0 failed\n"), "passed")
        self.assertEqual(self.verdict("baton: panic: x\n", Outcome(Status.PANIC, ""), status="panic"), "passed")
        self.assertEqual(self.verdict("one\ntwo\nguest: 1 passed, 0 failed\n", expect=["one", "^two$"]), "passed")

    def test_what_fails(self):
        good = "ok: a\nguest: 1 passed, 0 failed\n"
        self.assertIn("checks failed", self.verdict("FAIL: b: why\n" + good))
        self.assertIn("status", self.verdict(good, Outcome(Status.PANIC, "panic.")))
        self.assertIn("closing line", self.verdict("ok: a\n"))
        self.assertIn("closing line", self.verdict(good + good))
        self.assertIn("0 passed", self.verdict("guest: 0 passed, 0 failed\n"))
        self.assertIn("not on the console", self.verdict("two\none\n" + good, expect=["one", "two"]))

    VMS = [{"name": "a", "cpus": "1", "memory": "64M", "image": "i"}, {"name": "b", "cpus": "2", "memory": "64M", "image": "i"}]

    def machine(self, shown: str, **entry) -> str:
        """The verdict on a host VM and the VMs a and b."""
        whole, = [test.run.args[0] for test in runs(ENTRY | {"vms": self.VMS} | entry)]
        try:
            judge(whole, shown, OFF)
        except TestFailure as failure:
            return str(failure)
        return "passed"

    def test_a_vms_entry_is_checked_too(self):
        for vm in ({"name": "a"}, self.VMS[0] | {"cpuz": "1"}):
            with self.assertRaises(ValueError):
                runs(ENTRY | {"vms": [vm]})
        with self.assertRaises(ValueError):
            runs(ENTRY | {"shared": [{"name": "r"}]})

    def test_each_vm_is_judged_by_its_own_lines(self):
        end = "guest: 1 passed, 0 failed\n"
        good = f"{end}a: {end}b: {end}"
        self.assertEqual(self.machine(good), "passed")
        self.assertIn("VM b: 0 guests", self.machine(f"{end}a: {end}"))
        self.assertIn("VM host: 2 guests", self.machine(f"{end}{end}a: {end}b: {end}"))
        self.assertIn("VM a: 1 checks failed", self.machine(f"a: FAIL: x\n{good}"))
        self.assertIn("VM b: a guest ended with 0 passed", self.machine(f"{end}a: {end}b: guest: 0 passed, 0 failed\n"))
        twice = [self.VMS[0], self.VMS[1] | {"ends": 2, "expect": ["^two$", "^three"]}]
        self.assertEqual(self.machine(f"{good}a: three\nb: two\nb: three\nb: {end}", vms=twice), "passed")
        self.assertIn("VM b: '^three'", self.machine(f"{good}b: two\na: three\nb: {end}", vms=twice))

    def test_the_connected_vms_lines_are_those_without_a_name(self):
        end = "guest: 1 passed, 0 failed\n"
        self.assertEqual(self.machine(f"host: {end}{end}b: {end}", console="a"), "passed")
        self.assertIn("VM host: 0 guests", self.machine(f"{end}{end}b: {end}", console="a"))

    def test_others_lines_may_break_those_of_the_connected_vm(self):
        end = "guest: 1 passed, 0 failed\n"
        others = f"a: {end}baton: a is off\nb: {end}"
        for place in range(len(end)):
            with self.subTest(end[:place]):
                shown = f"ok: x\n{end[:place]}\n{others}{end[place:]}"
                self.assertEqual(self.machine(shown), "passed")
                self.assertIn("VM host: 2 guests", self.machine(shown + end))
        self.assertIn("VM host: 1 checks failed, the first is 'FAIL: x'", self.machine(f"FA\n{others}IL: x\n{end}"))
        self.assertIn("ended with 12 passed, 3 failed", self.machine(f"guest: 1\n{others}2 passed, 3 failed\n"))

    def test_a_machine_is_ended_once_all_have_their_closing_lines(self):
        whole, = [test.run.args[0] for test in runs(ENTRY | {"vms": self.VMS, "status": "ended"})]
        end = "guest: 1 passed, 0 failed\n"
        self.assertFalse(all_ended(whole, f"{end}a: {end}a: {end}"))
        self.assertTrue(all_ended(whole, f"{end}a: {end}b: {end}"))
