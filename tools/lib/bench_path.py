# SPDX-License-Identifier: BSD-2-Clause
"""The bench critical-path: what a handover costs in instructions, by phase and step, and how that grows with CPUs."""

from pathlib import Path

import critical_path
from bench_result import Bench, Result, Table
from critical_path import Cost

CPUS = [4, 8, 80, 512]
QUICK_CPUS = [4, 80]
_costs: dict[int, Cost] = {}


def measure(folder: Path, quick: bool) -> Result:
    _costs.clear()
    for cpus in QUICK_CPUS if quick else CPUS:
        _costs[cpus] = critical_path.cost(cpus, folder / f"{cpus}.log")
    return Result([phases(), steps()], failures=critical_path.over_budget(_costs))


def phases() -> Table:
    names = list(next(iter(_costs.values())).path.by_phase())
    rows = [[str(cpus), *it.path.by_phase().values(), it.path.end, it.path.last_down, it.work]
            for cpus, it in _costs.items()]
    return Table("Critical path of a handover, in instructions",
                 ["CPUs", *names, "next kernel's first instruction", "last CPU down", "all CPUs' work"], rows,
                 ["The longest chain of work that waits for work, from the old kernel's call on. Waiting is not in it, "
                  "but each wake-up is."])


def steps() -> Table:
    """The boot CPU's own clock, so that a step begins where the one before it ended, or its phase."""
    names = next(iter(_costs.values())).steps
    rows = [[name, *(step_cost(it, row) for it in _costs.values())] for row, name in enumerate(names)]
    return Table("Of which steps of the boot CPU, in instructions", ["step", *(f"{cpus} CPUs" for cpus in _costs)], rows)


def step_cost(cost: Cost, row: int) -> int:
    end = cost.path.steps[row]
    earlier = [at for at in (*cost.path.steps, *cost.path.phases) if at < end]
    return end - max(earlier)


def accept() -> None:
    critical_path.accept(_costs)


BENCH = Bench("critical-path", "instructions of a handover, on the critical path and in all", measure)
