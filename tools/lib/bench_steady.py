# SPDX-License-Identifier: BSD-2-Clause
"""The bench steady: what a guest pays above Baton for what it does all the time, beside the bare machine and KVM."""

import re
from pathlib import Path

import exits
from bench_result import Bench, Result, Table
from build import BUILD, HYPERVISOR, baton_image
from critical_path import ICOUNT, run
from machine import Guest, Machine

GUEST = "tests/guests/steady.img"
COST = re.compile(r"^guest: cost: (.+): (\d+)$", re.MULTILINE)
# kvm-unit-tests' micro-bench on Debian's 6.12 on this QEMU, counted in the same way: with VHE and without.
KVM = {
    "hypercall": (1393, 1900),
    "IPI, there and seen here": (5264, 6258),
    "timer interrupt": (5502, 6454),
    "read of GICD_IIDR": (2236, 2701),
}
GOALS = {"hypercall": 200, "IPI, there and seen here": 1500, "timer interrupt": 1500}


def costs(baton: Path | None, log: Path) -> dict[str, int]:
    image = BUILD / "release" / GUEST
    machine = Machine([Guest(image, None, "" if baton else "bare")], baton, "", 2, cpu="max", single_thread=True,
                      reset_ends=True, extra=[*ICOUNT, "-rtc", "clock=vm"])
    return {what: int(ticks) for what, ticks in COST.findall(run(machine, log))}


def above_baton(log: Path) -> dict[str, int]:
    return costs(baton_image("release", HYPERVISOR, GUEST), log)


def measure(folder: Path, quick: bool) -> Result:
    above = above_baton(folder / "baton.log")
    bare = costs(None, folder / "bare.log")
    rows, failures = [], []
    for what, cost in above.items():
        vhe, nvhe = KVM.get(what, ("", ""))
        goal = GOALS.get(what, "")
        rows.append([what, bare.get(what, ""), cost, vhe, nvhe, goal])
        if goal and cost > goal:
            failures.append(f"{what}: {cost} instructions, the goal is {goal}.")
    notes = ["A guest's own instructions and all below it, 2 CPUs, averages of 1,000. KVM: Debian's 6.12 on this QEMU, "
             "kvm-unit-tests' micro-bench, counted in the same way."]
    tables = [Table("Steady state, in instructions", ["", "bare machine", "Baton", "KVM, VHE", "KVM, nVHE", "goal"], rows,
                    notes)]
    if not quick:
        tables.append(debian(folder))
    return Result(tables, failures=failures)


def debian(folder: Path) -> Table:
    rows = [[it.work, it.synchronous, it.interrupts, it.per_million] for it in exits.measure(folder)]
    return Table(f"Exits of Debian {exits.SERIES} on {exits.CPUS} CPUs",
                 ["", "calls and traps a second", "interrupts a second", "both, in a million instructions"], rows,
                 [f"All CPUs together, over {exits.SECONDS} s. A second is the emulator's: busy CPUs get less done in it "
                  "than real ones, so the last column says more of them."])


BENCH = Bench("steady", "instructions of a hypercall, an IPI, interrupts, accesses to the GIC", measure)
