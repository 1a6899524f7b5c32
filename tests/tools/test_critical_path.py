# SPDX-License-Identifier: BSD-2-Clause
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import critical_path
import plugin
from critical_path import Cost
from plugin import CriticalPath

LINE = ('{"cpu": 0, "end": 70, "followers": 3, "awake": 0, "phases": [10, 30, 40, 50, 60], "steps": [15, 35, 45], '
        '"follower_steps": [33, 55]}\n')
PATH = CriticalPath(0, (10, 30, 40, 50, 60, 70), (15, 35, 45), (33, 55), 3, 0)


class Paths(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_a_handover_that_did_not_end_is_left_out(self):
        file = self.folder / "paths"
        file.write_text(LINE + LINE.replace('"end": 70', '"end": 0'))
        self.assertEqual(plugin.read(file), [PATH])

    def test_phases_add_up_to_the_whole(self):
        phases = PATH.by_phase()
        self.assertEqual(list(phases), list(plugin.PHASES))
        self.assertEqual(sum(phases.values()), PATH.end)
        self.assertEqual(phases["drain"], 20)

    def test_the_budget_that_is_written_is_met_and_five_percent_more_are_too(self):
        with patch.object(critical_path, "BUDGET", self.folder / "budget.toml"):
            self.assertEqual(len(critical_path.over_budget({4: Cost(PATH, (), 1000)})), 2)
            critical_path.accept({4: Cost(PATH, (), 1000)}, {4: PATH.end}, {"a timer's interrupt": 200})
            self.assertEqual(critical_path.over_budget({4: Cost(PATH, (), 1050)}), [])
            self.assertRegex(critical_path.over_budget({4: Cost(PATH, (), 1051)})[0], "all CPUs' work of 4 CPUs is 1,051")
            self.assertEqual(critical_path.over_vm_budget(4, {5: PATH, 512: PATH}), [])
            shorter = replace(PATH, phases=(*PATH.phases[:-1], PATH.end - 1))
            self.assertRegex(critical_path.over_vm_budget(4, {5: PATH, 512: shorter})[0], "depends on the machine's size")
            self.assertIsNone(critical_path.over("steady", "a timer's interrupt", "it", 210))
            self.assertRegex(critical_path.over("steady", "a timer's interrupt", "it", 220), "it is 220 instructions, 10% above")
            self.assertRegex(critical_path.over("steady", "an IPI", "an IPI", 1), "an IPI has no budget")


if __name__ == "__main__":
    unittest.main()
