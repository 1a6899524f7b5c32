# SPDX-License-Identifier: BSD-2-Clause
"""The bench linux: Baton's handover beside Linux's own kexec, on the same machine, to the next kernel's first instruction."""

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median

import chart
from bench_result import Bench, Result, Table
from restarts import BEST, DEFAULT, HYPERCALL, LOADS, REBOOT, SERIES, WAYS, Board, Load, Restart, Way

CPUS = [2, 8, 32, 80]
QUICK_CPUS = [2]
REPETITIONS = 5
# On GOAL_CPUS CPUs kexec is to take at least so many times as long as Baton's blackout.
GOAL_CPUS = 80
GOALS = {BEST: 160, DEFAULT: 500}
LAST_MESSAGE = "Bye!"

Runs = dict[int, dict[Way, list[Restart]]]
Seconds = dict[int, dict[Load, tuple[float, float]]]


def measure(folder: Path, quick: bool) -> Result:
    runs: Runs = {}
    seconds: Seconds = {}
    for cpus in QUICK_CPUS if quick else CPUS:
        with contextlib.ExitStack() as stack:
            board = stack.enter_context(Board(folder))
            loaded = {load: stack.enter_context(board.loaded(load, cpus, folder / f"{cpus}-{number}.log"))
                      for number, load in enumerate(LOADS)}
            seconds[cpus] = {load: of.seconds for load, of in loaded.items()}
            runs[cpus] = {way: [] for way in WAYS}
            for repetition in range(1 if quick else REPETITIONS):
                for number, way in enumerate(WAYS):
                    log = folder / f"{cpus}-{number}-{repetition}.log"
                    # Once the next kernels show that they live. After that their first instruction is enough.
                    wait = not quick and cpus == CPUS[0] and repetition == 0
                    runs[cpus][way].append(loaded[way.load].restart(way, log, wait))
                    print(f"bench: {cpus} CPUs, {way.name}: {runs[cpus][way][-1].total:,.1f} ms", file=sys.stderr, flush=True)
    picture = {way.name: {cpus: total(of[way]) for cpus, of in runs.items()} for way in WAYS}
    return Result([headline(runs), ratios(runs), parts(runs), loads(seconds), each(runs)],
                  {"linux.svg": chart.lines("From the call to the next kernel's first instruction", "CPUs", "milliseconds",
                                            picture)}, failures(runs))


def middle(of: list[Restart], what: Callable[[Restart], float]) -> float:
    return float(median(map(what, of)))


def total(of: list[Restart]) -> float:
    return middle(of, lambda it: it.total)


def ratio(of: dict[Way, list[Restart]], slow: Way, quick: float) -> float:
    return total(of[slow]) / quick


def headline(runs: Runs) -> Table:
    rows = [[str(cpus), *(total(of[way]) for way in WAYS), blackout(of[HYPERCALL])] for cpus, of in runs.items()]
    notes = [f"Debian's {SERIES} to itself, both on the same emulated machine, in one run, in turn. From reboot(2), or for "
             "`hypercall` from batonctl's ioctl, to the next kernel's first instruction, which a stamp in front of it tells "
             "on the same counter; `blackout` is Baton's own count, from the hypercall to the entry. Medians."]
    return Table("Beside Linux's kexec: milliseconds to the next kernel's first instruction",
                 ["CPUs", *(way.name for way in WAYS), "its blackout"], rows, notes)


def ratios(runs: Runs) -> Table:
    quick = {"reboot": lambda of: total(of[REBOOT]), "hypercall": lambda of: total(of[HYPERCALL]),
             "blackout": lambda of: blackout(of[HYPERCALL])}
    rows = [[str(cpus), *(ratio(of, slow, took(of)) for slow in (BEST, DEFAULT) for took in quick.values())]
            for cpus, of in runs.items()]
    return Table("How many times as long as Baton kexec takes",
                 ["CPUs", *(f"{name} / {what}" for name in ("--no-checks", "default") for what in quick)], rows)


def parts(runs: Runs) -> Table:
    """Linux's are of the default way, whose messages are shown: the best way differs in the purgatory alone."""
    rows = []
    for cpus, of in runs.items():
        teardown = middle(of[DEFAULT], lambda it: it.messages[LAST_MESSAGE])
        rows.append([str(cpus), teardown, total(of[DEFAULT]) - teardown,
                     middle(of[REBOOT], lambda it: it.total - it.handover.blackout / 1000),
                     *(phase(of[HYPERCALL], name) for name in ("drain", "gather", "takedown", "enter")),
                     middle(of[HYPERCALL], lambda it: it.total - it.handover.blackout / 1000)])
    return Table("Told apart, in milliseconds",
                 ["CPUs", "kexec: teardown", "kexec: relocation, purgatory", "Baton, reboot: Linux's shutdown",
                  "Baton, hypercall: drain", "gather", "take down", "enter", "around it"], rows,
                 [f"Teardown: from the call to `{LAST_MESSAGE}`, by the time stamps of Linux's messages. `around it` is the way "
                  "from the ioctl to the hypercall, and on a single host thread also the others' take-down."])


def loads(seconds: Seconds) -> Table:
    rows = [[str(cpus), *(figure for load in LOADS for figure in of[load])] for cpus, of in seconds.items()]
    return Table("Load of the next kernel, in seconds",
                 ["CPUs", *(f"{load.name}, {cache}" for load in LOADS for cache in ("cold", "warm"))], rows,
                 ["The same kernel and initrd, 37 MB, from a virtio disk; cold: not in the page cache."])


def each(runs: Runs) -> Table:
    rows = [[f"{cpus} CPUs, {way.name}", ", ".join(f"{it.total:,.1f}" for it in restarts)]
            for cpus, of in runs.items() for way, restarts in of.items()]
    return Table("Each run, in milliseconds", ["", "to the next kernel's first instruction"], rows)


def blackout(of: list[Restart]) -> float:
    return phase(of, "blackout")


def phase(of: list[Restart], name: str) -> float:
    return middle(of, lambda it: getattr(it.handover, name) / 1000)


def failures(runs: Runs) -> list[str]:
    at = runs.get(GOAL_CPUS)
    found = {way: ratio(at, way, blackout(at[HYPERCALL])) for way in GOALS} if at else {}
    return [f"{way.name} takes {times:,.1f} times as long as Baton's blackout on {GOAL_CPUS} CPUs, the goal is {GOALS[way]}."
            for way, times in found.items() if times < GOALS[way]]


BENCH = Bench("linux", "Baton beside Linux's own kexec", measure)
