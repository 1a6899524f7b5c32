# SPDX-License-Identifier: BSD-2-Clause
"""
What a handover costs in instructions, of a release build under a bare-metal guest whose CPUs sleep:
the longest chain of work (counted by our plugin, tools/lib/plugin), and the work of all CPUs together (the clock of
QEMU's -icount, which ticks once an instruction of any CPU). Both are the same in every run on any machine.
"""

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

import plugin
from build import BUILD, HYPERVISOR, baton_image
from console import Console
from errors import Status, Stop
from machine import Guest, Machine
from paths import ROOT, private_write
from report import handovers

BUDGET = ROOT / "tests" / "bench" / "budget.toml"
BUDGET_HEAD = """\
# SPDX-License-Identifier: BSD-2-Clause
# What may be paid in instructions, for a handover by the number of CPUs: `tools/test bench` fails when a figure grows by
# more than 5 %. Written by `tools/bench --accept`.
"""
GROWTH = 0.05
GUEST = "tests/guests/handover.img"
HANDOVERS = 3
# With which QEMU's clock ticks once an instruction.
ICOUNT = ["-icount", "shift=0,sleep=off"]
ICOUNT_CPU = "cortex-a76,cntfrq=1000000000"
# How often a count is taken until no CPU was too quick to sleep: what a wake-up costs is missing in that one.
ATTEMPTS = 4
# Of a run, on a busy machine too: hundreds of CPUs, or hundreds of MiB to digest.
LIMIT_SECONDS = 400


@dataclass(frozen=True)
class Cost:
    path: plugin.CriticalPath
    steps: tuple[str, ...]
    work: int


def machine(cpus: int, baton: str = "", append: str = "", slot: str = "16M", memory: str = "1G",
            count: int = HANDOVERS, **more) -> Machine:
    hypervisor = baton_image("release", HYPERVISOR, GUEST)
    image = BUILD / "release" / GUEST
    guest = Guest(image, image, f"handovers={count} {append}".strip())
    return Machine([guest], hypervisor, f"baton.report baton.deadline=20000 baton.slot={slot} {baton}".strip(), cpus, memory,
                   reset_ends=True, **more)


def run(what: Machine, log: Path) -> str:
    """The console of a machine that is to switch itself off, with all checks passed."""
    with Console(what, log) as console:
        outcome = console.wait_off(LIMIT_SECONDS)
    if outcome.status != Status.OFF or "FAIL: " in console.transcript:
        raise Stop(f"the guest did not end as it should: {outcome.sentence} Its console is in {log}.")
    return console.transcript


def critical_path(cpus: int, log: Path, exact: bool = True, **more) -> tuple[plugin.CriticalPath, tuple[str, ...]]:
    """The same for each handover of a run, or there is no such number. Not `exact`, for the serial walk, whose waits
    poll and are many: the shortest."""
    out = log.with_suffix(".path")
    for _ in range(ATTEMPTS):
        text = run(machine(cpus, extra=plugin.options(out), **more), log)
        found = plugin.read(out)
        paths = [path for path in found if path.awake == 0 or not exact]
        if any(path.followers != cpus - 1 for path in paths):
            raise Stop(f"not all of {cpus} CPUs took part in a handover: see {out}.")
        if exact and len(set(paths)) > 1:
            raise Stop(f"the critical path differs between handovers: see {out}.")
        if paths:
            return replace(min(paths, key=lambda path: path.end), clocks=found[-1].clocks), step_names(text)
    raise Stop(f"in {ATTEMPTS} runs no handover had all its waits slept through: is the machine too busy? See {out}.")


def icount_run(cpus: int, log: Path, **more) -> str:
    return run(machine(cpus, cpu=ICOUNT_CPU, single_thread=True, extra=ICOUNT, **more), log)


def work(cpus: int, log: Path, **more) -> int:
    """Instructions of all CPUs from the gate's closing to the next kernel's entry."""
    text = icount_run(cpus, log, **more)
    found = {round(handover.blackout * 1000) for handover in handovers(text)}
    if len(found) != 1:
        raise Stop(f"the handovers' work is not one number but {sorted(found)}: see {log}.")
    return found.pop()


def cost(cpus: int, log: Path, **more) -> Cost:
    path, steps = critical_path(cpus, log, **more)
    return Cost(path, steps, work(cpus, log.with_suffix(".icount.log"), **more))


def step_names(console: str) -> tuple[str, ...]:
    line = next((line for line in console.splitlines() if line.startswith("guest: steps: ")), "")
    return tuple(line.removeprefix("guest: steps: ").split())


def budget() -> dict[str, dict[str, int]]:
    return tomllib.loads(BUDGET.read_text()) if BUDGET.exists() else {}


def over_budget(costs: dict[int, Cost]) -> list[str]:
    """A sentence for each figure that is more than 5 % above the budget, or has none."""
    sentences = []
    for cpus, it in costs.items():
        for name, what, found in (("path", "the critical path", it.path.end), ("work", "all CPUs' work", it.work)):
            sentences.append(over(name, str(cpus), f"{what} of {cpus} CPUs", found))
    return [sentence for sentence in sentences if sentence]


def over(section: str, key: str, what: str, found: int) -> str | None:
    limit = budget().get(section, {}).get(key)
    if limit is None:
        return f"{what} has no budget. `tools/bench --accept` writes one."
    if found > limit * (1 + GROWTH):
        return (f"{what} is {found:,} instructions, {found / limit - 1:.0%} above the budget of {limit:,}. "
                "If that is worth it, `tools/bench --accept`.")
    return None


def accept(costs: dict[int, Cost], steady: dict[str, int]) -> None:
    """Writes the budget, so that a commit's diff shows what it costs. steady: what a guest does, and what it pays."""
    path = "".join(f"{cpus} = {it.path.end}\n" for cpus, it in costs.items())
    everything = "".join(f"{cpus} = {it.work}\n" for cpus, it in costs.items())
    always = "".join(f'"{what}" = {cost}\n' for what, cost in steady.items())
    text = (f"{BUDGET_HEAD}\n# The longest chain of work, from the old kernel's call to the next kernel's first instruction.\n"
            f"[path]\n{path}\n# All CPUs together.\n[work]\n{everything}\n# What a guest does all the time.\n[steady]\n{always}")
    private_write(BUDGET, text.encode())
