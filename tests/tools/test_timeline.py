# SPDX-License-Identifier: BSD-2-Clause
import json
import unittest
import xml.etree.ElementTree as xml

import timeline
import trace
from errors import Stop

SVG = "{http://www.w3.org/2000/svg}"


def span(track: int, name: str, category: str, begin: float, end: float) -> dict:
    return {"pid": 1, "tid": track, "ph": "X", "name": name, "cat": category, "ts": begin, "dur": end - begin}


def events(cpus: int, late: int | None = None) -> list[dict]:
    """CPU 1 is the slowest; `late` takes itself down long after the next kernel's entry."""
    found = [span(cpus, "drain", "phase", 0, 10), span(cpus, "gather", "phase", 10, 30), span(cpus, "enter", "phase", 30, 31)]
    for cpu in range(cpus):
        found.append({"pid": 1, "tid": cpu, "ph": "M", "name": "thread_name", "args": {"name": f"CPU {cpu}"}})
        found.append(span(cpu, "vgic", "drain", 1, 9 if cpu == 1 else 8))
        begin = 5000 if cpu == late else 30
        found.append(span(cpu, "gicr", "take down", begin, begin + 1))
    return found


def elements(it: list[dict]) -> list:
    return list(xml.fromstring(timeline.drawing(trace.parse(json.dumps({"traceEvents": it})))).iter())


def bars(found: list) -> list:
    return [element for element in found if element.tag == SVG + "rect" and (element.findtext(SVG + "title") or "").startswith("CPU")]


class Timelines(unittest.TestCase):
    def test_a_bar_for_each_step_of_each_cpu(self):
        for cpus in (1, 4, 128):
            found = elements(events(cpus))
            self.assertEqual(len(bars(found)), 2 * cpus)
            height = float(found[0].get("height"))
            self.assertLess(height, 800)
            self.assertTrue(all(float(bar.get("y")) + float(bar.get("height")) < height for bar in bars(found)))

    def test_the_slowest_is_marked(self):
        self.assertIn("◀ CPU 1", [element.text for element in elements(events(4))])

    def test_a_step_far_behind_the_entry_is_told_and_does_not_squeeze_the_rest(self):
        found = elements(events(4, late=2))
        self.assertEqual(len(bars(found)), 7)
        self.assertTrue(any("the last ends at 5,001" in (element.text or "") for element in found))

    def test_a_guests_console_is_a_trace_too(self):
        text = "guest: hello\n" + "".join(f"trace: {json.dumps(event)}\n" for event in events(2))
        self.assertEqual([cpu.name for cpu in trace.parse(text).cpus], ["CPU 0", "CPU 1"])

    def test_what_is_no_trace_is_refused(self):
        for text in ("", "[]", "{}", "no", '{"traceEvents": [1]}'):
            with self.assertRaises(Stop):
                trace.parse(text)

    def test_round_steps(self):
        self.assertEqual([timeline.round_step(about) for about in (0.3, 0.9, 1, 12, 250, 900)], [0.5, 1, 1, 20, 500, 1000])


if __name__ == "__main__":
    unittest.main()
