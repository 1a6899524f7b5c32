# SPDX-License-Identifier: BSD-2-Clause
import unittest

from errors import Status
from guest_tests import DEFAULTS, judge, runs
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
