# SPDX-License-Identifier: BSD-2-Clause
"""What a handover costs must not grow unseen: tests/bench/budget.toml."""

from functools import partial
from pathlib import Path

import critical_path
from testing import Test, TestFailure


def check(cpus: list[int], log: Path) -> None:
    costs = {count: critical_path.cost(count, log.with_name(f"{log.stem}-{count}.log")) for count in cpus}
    lines = [f"{count} CPUs: path {it.path.end} ({it.path.by_phase()}), work {it.work}\n" for count, it in costs.items()]
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("".join(lines))
    wrong = critical_path.over_budget(costs)
    if wrong:
        raise TestFailure(" ".join(wrong))


PROVES = "a handover costs no more instructions than its budget, on the critical path and in all"
TESTS = [
    Test("bench/critical-path", f"{PROVES}, on 4 and 80 CPUs", partial(check, [4, 80]), quick=True),
    Test("bench/critical-path-many", f"{PROVES}, on 8 and 512 CPUs", partial(check, [8, 512]), soak=True,
         alone=True),
]
