# SPDX-License-Identifier: BSD-2-Clause
import unittest

from report import handovers, table

CONSOLE = """\
baton: handover 1: parallel, 8 CPUs, 1 lost, blackout 123.4 us (drain 60.1 gather 40.2 takedown 20.0 enter 3.1)
baton: handover 1: slowest CPU 5, step vgic, 12.3 us
baton: handover 1: lost CPU 3 (deadline 100 ms)
baton: handover 2: serial, 8 CPUs, 0 lost, blackout 5000 us (drain 1 gather 2 takedown 3 enter 4)
"""


class Report(unittest.TestCase):
    def test_every_handover_is_found(self):
        first, second = handovers(CONSOLE)
        self.assertEqual((first.number, first.walk, first.cpus, first.lost, first.blackout), (1, "parallel", 8, 1, 123.4))
        self.assertEqual((first.slowest_cpu, first.slowest_step, first.slowest_time), (5, "vgic", 12.3))
        self.assertEqual((second.walk, second.blackout, second.slowest_cpu), ("serial", 5000, None))

    def test_table_shows_each_phase(self):
        text = table(handovers(CONSOLE)[0])
        for word in ("8 (1 lost)", "123.4 us", "60.1 us", "40.2 us", "20.0 us", "3.1 us", "5, in step vgic"):
            self.assertIn(word, text)
