# SPDX-License-Identifier: BSD-2-Clause
"""The bench serial: the parallel walk beside the serial one, on the critical path."""

from collections.abc import Mapping
from pathlib import Path

import chart
import critical_path
from bench_result import Bench, Result, Table
from report import handovers

WALKS = ("parallel", "serial")
CPUS = [1, 4, 8, 32, 80, 256, 512]
QUICK_CPUS = [1, 4, 32]
FIRMWARE_CPUS = [8, 32, 80]
QUICK_FIRMWARE_CPUS = [4, 8]
FIRMWARE_MS = [0.1, 1, 10]


def measure(folder: Path, quick: bool) -> Result:
    walks = {}
    for walk in WALKS:
        walks[walk] = {}
        for cpus in QUICK_CPUS if quick else CPUS:
            path, _ = critical_path.critical_path(cpus, folder / f"{walk}-{cpus}.log", exact=walk == "parallel",
                                                  baton=f"baton.teardown={walk}")
            walks[walk][cpus] = path.end
    slopes = {walk: slope({cpus: cost for cpus, cost in points.items() if cpus > 1}) for walk, points in walks.items()}
    rows = [[str(cpus), parallel, walks["serial"][cpus], walks["serial"][cpus] / parallel]
            for cpus, parallel in walks["parallel"].items()]
    notes = [f"From two CPUs on, each further one costs {slopes['parallel']:,.1f} instructions in the parallel walk and {slopes['serial']:,.0f} "
             "in the serial one (least squares). The serial walk polls now and then, so its figures vary by some percent."]
    table = Table("Parallel and serial walk: critical path in instructions", ["CPUs", "parallel", "serial", "ratio"], rows,
                  notes)
    return Result([table, with_firmware(folder, quick)],
                  {"walks.svg": chart.lines("Critical path of a handover", "CPUs", "instructions", walks)})


def with_firmware(folder: Path, quick: bool) -> Table:
    """Blackouts in guest time when each CPU sleeps in its last step, as it would in the firmware's CPU_OFF."""
    counts = QUICK_FIRMWARE_CPUS if quick else FIRMWARE_CPUS
    rows, notes = [], []
    for ms in FIRMWARE_MS:
        blackouts = {walk: {cpus: firmware_blackout(folder, walk, cpus, ms) for cpus in counts} for walk in WALKS}
        rows += [[str(cpus), f"{ms:g} ms", *(points[cpus] for points in blackouts.values())] for cpus in counts]
        slopes = [f"{slope(points) * 1000:,.0f} µs in the {walk} walk" for walk, points in blackouts.items()]
        notes.append(f"With {ms:g} ms each further CPU costs {' and '.join(slopes)} (least squares).")
    return Table("Blackout in guest time, with a wait on each CPU in its last step",
                 ["CPUs", "each CPU waits", *(f"{walk}, ms" for walk in WALKS)], rows, notes)


def firmware_blackout(folder: Path, walk: str, cpus: int, ms: float) -> float:
    options = f"baton.teardown={walk} baton.fault=late:all@root+{ms * 1000:.0f}"
    text = critical_path.icount_run(cpus, folder / f"{walk}-{cpus}-{ms:g}ms.log", baton=options, count=1)
    return handovers(text)[-1].blackout / 1000


def slope(points: Mapping[int, float]) -> float:
    """Of the line that fits best."""
    mean_x, mean_y = sum(points) / len(points), sum(points.values()) / len(points)
    spread = sum((x - mean_x) ** 2 for x in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points.items()) / spread if spread else 0.0


BENCH = Bench("serial", "the parallel walk beside the serial one, by the number of CPUs", measure)
