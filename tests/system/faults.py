# SPDX-License-Identifier: BSD-2-Clause
"""
One fault at each step of each phase, on the machine: a CPU that is lost there, late or overdue, or that kicks all others
once more. The bare-metal guest `aftermath` says what its kernel finds, Baton's log what happened. Each cell of the table
step x fault is compared with what the design says; the table is at the end of the test's log.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from step_faults import STEPS, Fault, Run, all_faults, every_loss, judge, losses, mild
from testing import Test, expect

LOST_CPU_BUDGET = 4


def faults(walk: str, lists: list[list[Fault]], log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(len(STEPS["gather"])) as pool:
        # Those that end in a panic do nothing for ten seconds: they do it beside the others.
        patient = [pool.submit(Run, group, walk, log.with_suffix(f".{group[-1].step}.log"), deadline=200)
                   for group in lists if group[-1].ends_the_machine()]
        busy = [group for group in lists if not group[-1].ends_the_machine()]
        runs = [Run(group, walk, log.with_suffix(f".{number}.log")) for number, group in enumerate(busy)]
        judge(runs + [future.result() for future in patient], log)


def unknown_step(log: Path) -> None:
    """A step that is not in the table is told of, and the next fault takes its turn."""
    run = Run([Fault("late", "root", 1)], "parallel", log, more="baton.fault=late:1@nowhere")
    expect("warning: option baton.fault=late:CPU@nowhere ignored: no step has that name" in run.console,
           "Baton did not say that it knows no such step")
    judge([run], log)


GATHER_LOSSES = all_faults(STEPS["gather"], ["lost"], [])
SOME_LOSSES = losses({"timers": ["lost"], "vgic": ["overdue"], "debug": ["lost"], "root": ["lost"]}, LOST_CPU_BUDGET)

TESTS = [
    Test("system/faults/parallel", "a lost, late or overdue CPU or a double kick at any step ends as the design says",
         partial(faults, "parallel", [*mild(), *every_loss(LOST_CPU_BUDGET), *([fault] for fault in GATHER_LOSSES)]), alone=True),
    Test("system/faults/serial", "the same in the serial walk, a CPU lost at some of the steps",
         partial(faults, "serial", [*mild(), *SOME_LOSSES, GATHER_LOSSES[:1]]), alone=True),
    Test("system/faults/unknown", "a fault at a step that does not exist is ignored with a warning", unknown_step),
]
