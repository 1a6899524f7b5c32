# SPDX-License-Identifier: BSD-2-Clause
"""The bench size: what a handover, and the load before it, cost by the size of the next kernel."""

import re
from pathlib import Path

import critical_path
from bench_result import Bench, Result, Table
from report import handovers

SIZES = [8, 64, 256]
QUICK_SIZES = [8, 64]
LOAD = re.compile(r"^guest: load: (\d+) bytes, (\d+) ns to copy, (\d+) to digest, (\d+) to clean$", re.MULTILINE)
# The blackout at the largest size, above that at the smallest.
FLAT = 0.10


def measure(folder: Path, quick: bool) -> Result:
    rows = []
    for size in QUICK_SIZES if quick else SIZES:
        text = critical_path.icount_run(4, folder / f"{size}.log", append=f"size={size}", slot=f"{size + 8}M", memory="2G",
                                        count=1)
        loaded, *costs = map(int, LOAD.search(text).groups())
        rows.append([f"{size} MiB", round(handovers(text)[-1].blackout * 1000), *(cost / loaded for cost in costs)])
    failures = []
    more = rows[-1][1] / rows[0][1] - 1
    if more > FLAT:
        failures.append(f"a handover to {rows[-1][0]} costs {rows[-1][1]:,} instructions, to {rows[0][0]} {rows[0][1]:,}.")
    return Result([Table("By the size of the next kernel, 4 CPUs",
                         ["kernel", "handover, all CPUs' instructions", "load: copy, instructions a byte", "digest", "clean"],
                         rows, [f"A handover to {rows[-1][0]} costs {more:+.1%} of one to {rows[0][0]}; the goal is "
                                f"{FLAT:+.0%} at most."])], failures=failures)


BENCH = Bench("size", "handover and load by the size of the next kernel", measure)
