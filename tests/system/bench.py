# SPDX-License-Identifier: BSD-2-Clause
"""What a handover costs must not grow unseen (tests/bench/budget.toml), nor what a guest pays all the time."""

from functools import partial
from pathlib import Path

import bench_steady
import critical_path
import restarts
from build import HYPERVISOR, baton_image
from testing import Test, TestFailure, expect

LINUX_CPUS = 2
# Some of what tools/bench finds: the machine may be busy.
LINUX_RATIO = 4


def check(cpus: list[int], log: Path) -> None:
    costs = {count: critical_path.cost(count, log.with_name(f"{log.stem}-{count}.log")) for count in cpus}
    lines = [f"{count} CPUs: path {it.path.end} ({it.path.by_phase()}), work {it.work}\n" for count, it in costs.items()]
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("".join(lines))
    wrong = critical_path.over_budget(costs)
    if wrong:
        raise TestFailure(" ".join(wrong))


def steady(log: Path) -> None:
    costs = bench_steady.costs(baton_image("release", HYPERVISOR, bench_steady.GUEST), log)
    over = [f"{what}: {costs[what]} instructions, at most {goal}." for what, goal in bench_steady.GOALS.items() if costs[what] > goal]
    expect(not over, " ".join(over))


def beside_linux(log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    took = {}
    with restarts.Board(log.parent) as board:
        for way in (restarts.BEST, restarts.HYPERCALL):
            with board.loaded(way.load, LINUX_CPUS, log.with_suffix(f".{way.how}.boot.log")) as loaded:
                took[way] = loaded.restart(way, log.with_suffix(f".{way.how}.log"), wait=True).total
    lines = [f"{way.name}: {total:.1f} ms\n" for way, total in took.items()]
    log.write_text("".join(lines))
    expect(took[restarts.BEST] > LINUX_RATIO * took[restarts.HYPERCALL], f"not {LINUX_RATIO} times shorter: {' '.join(lines)}")


PROVES = "a handover costs no more instructions than its budget, on the critical path and in all"
TESTS = [
    Test("bench/critical-path", f"{PROVES}, on 4 and 80 CPUs", partial(check, [4, 80]), quick=True),
    Test("bench/critical-path-many", f"{PROVES}, on 8 and 512 CPUs", partial(check, [8, 512]), soak=True,
         alone=True),
    Test("bench/steady", "a hypercall, an IPI and a timer interrupt cost no more instructions than their goals", steady, quick=True),
    Test("bench/linux", f"{LINUX_CPUS} CPUs are in the next kernel {LINUX_RATIO} times sooner than by Linux's kexec at its best, "
         "and that kernel comes up", beside_linux, soak=True, alone=True),
]
