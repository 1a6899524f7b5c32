# SPDX-License-Identifier: BSD-2-Clause
"""
What a handover costs in instructions, of a release build under a bare-metal guest whose CPUs sleep:
the longest chain of work (counted by our plugin, tools/lib/plugin), and the work of all CPUs together (the clock of
QEMU's -icount, which ticks once an instruction of any CPU). Both are the same in every run on any machine.
"""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import plugin
from build import BUILD, HYPERVISOR, baton_image
from console import Console
from errors import Status, Stop
from machine import Guest, Machine
from paths import ROOT, private_write
from report import handovers
from vms import VmSpec

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
# A VM's few CPUs often are too quick on a busy machine.
VM_HANDOVERS = 8
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


def vm_machine(vcpus: int, cpus: int, extra: list[str]) -> Machine:
    """A VM of so many CPUs, the machine's last ones, beside the host VM, whose CPUs sleep."""
    hypervisor = baton_image("release", HYPERVISOR, GUEST)
    image = BUILD / "release" / GUEST
    vm = VmSpec("a", f"{cpus - vcpus}-{cpus - 1}", "64M", [Guest(image, image, f"handovers={VM_HANDOVERS} stay")], slot="16M")
    return Machine([Guest(image, image, "handovers=0 stay")], hypervisor, "baton.report baton.deadline=20000 baton.slot=16M",
                   cpus, "1G", reset_ends=True, vms=[vm], console="a", extra=extra)


def run(what: Machine, log: Path) -> str:
    """The console of a machine that is to switch itself off, with all checks passed."""
    with Console(what, log) as console:
        outcome = console.wait_off(LIMIT_SECONDS)
    if outcome.status != Status.OFF or "FAIL: " in console.transcript:
        raise Stop(f"the guest did not end as it should: {outcome.sentence} Its console is in {log}.")
    return console.transcript


def run_vm(what: Machine, log: Path) -> str:
    """The same of the connected VM, which is not the host VM: the machine does not go off with it."""
    with Console(what, log) as console:
        console.expect(r"(?m)^guest: \d+ passed, 0 failed", LIMIT_SECONDS)
        console.vm.qmp.command("quit")  # so that plugins write what they have
        console.wait_off(LIMIT_SECONDS)
    return console.transcript


def critical_path(cpus: int, log: Path, exact: bool = True, **more) -> tuple[plugin.CriticalPath, tuple[str, ...]]:
    """The same for each handover of a run, or there is no such number. Not `exact`, for the serial walk, whose waits
    poll and are many: the shortest."""
    return path_of(lambda extra: run(machine(cpus, extra=extra, **more), log), cpus, log, exact)


def vm_path(vcpus: int, cpus: int, log: Path) -> plugin.CriticalPath:
    """Of a VM of so many CPUs on a machine of so many."""
    return path_of(lambda extra: run_vm(vm_machine(vcpus, cpus, extra), log), vcpus, log)[0]


def path_of(running: Callable[[list[str]], str], cpus: int, log: Path,
            exact: bool = True) -> tuple[plugin.CriticalPath, tuple[str, ...]]:
    """running: gives a machine's console, by further options of QEMU. cpus: of the VM whose handovers they are."""
    out = log.with_suffix(".path")
    for _ in range(ATTEMPTS):
        text = running(plugin.options(out))
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


def over_vm_budget(vcpus: int, paths: dict[int, plugin.CriticalPath]) -> list[str]:
    """The same for a VM of so many CPUs on machines of different sizes, and one if these differ."""
    name = f"the critical path of a VM of {vcpus} CPUs"
    sentences = [over("vm-path", str(vcpus), f"{name} on {cpus}", path.end) for cpus, path in paths.items()]
    ends = {cpus: path.end for cpus, path in paths.items()}
    if len(set(ends.values())) > 1:
        sentences.append(f"{name} depends on the machine's size: by that its instructions are {ends}.")
    return [sentence for sentence in sentences if sentence]


def over(section: str, key: str, what: str, found: int) -> str | None:
    limit = budget().get(section, {}).get(key)
    if limit is None:
        return f"{what} has no budget. `tools/bench --accept` writes one."
    if found > limit * (1 + GROWTH):
        return (f"{what} is {found:,} instructions, {found / limit - 1:.0%} above the budget of {limit:,}. "
                "If that is worth it, `tools/bench --accept`.")
    return None


def accept(costs: dict[int, Cost], vms: dict[int, int], steady: dict[str, int]) -> None:
    """Writes the budget, so that a commit's diff shows what it costs. vms: the longest path, by the VM's number of CPUs.
    steady: what a guest does, and what it pays."""
    path = "".join(f"{cpus} = {it.path.end}\n" for cpus, it in costs.items())
    everything = "".join(f"{cpus} = {it.work}\n" for cpus, it in costs.items())
    beside = "".join(f"{vcpus} = {path}\n" for vcpus, path in vms.items())
    always = "".join(f'"{what}" = {cost}\n' for what, cost in steady.items())
    text = (f"{BUDGET_HEAD}\n# The longest chain of work, from the old kernel's call to the next kernel's first instruction.\n"
            f"[path]\n{path}\n# The same of a VM of so many CPUs beside the host VM, on a machine of any size.\n[vm-path]\n{beside}\n"
            f"# All CPUs together.\n[work]\n{everything}\n# What a guest does all the time.\n[steady]\n{always}")
    private_write(BUDGET, text.encode())
