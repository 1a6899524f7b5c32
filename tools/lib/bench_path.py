# SPDX-License-Identifier: BSD-2-Clause
"""The bench critical-path: what a handover costs in instructions, by phase and step, and how that grows with CPUs."""

from pathlib import Path

import bench_steady
import critical_path
import plugin
import timeline
from bench_result import Bench, Result, Table
from critical_path import Cost
from trace import Cpu, Span, Trace

CPUS = [4, 8, 80, 512]
QUICK_CPUS = [4, 80]
# Of a VM beside the host VM, and of the machines that are larger than the two need. The many are what the budget is of.
VM_CPUS = [4, 8]
LARGE_MACHINE = 512
QUICK_LARGE_MACHINE = 32
_costs: dict[int, Cost] = {}
_vm_paths: dict[int, dict[int, plugin.CriticalPath]] = {}


def measure(folder: Path, quick: bool) -> Result:
    _costs.clear()
    for cpus in QUICK_CPUS if quick else CPUS:
        _costs[cpus] = critical_path.cost(cpus, folder / f"{cpus}.log")
    _vm_paths.clear()
    for vcpus in VM_CPUS:
        _vm_paths[vcpus] = vm_paths(vcpus, QUICK_LARGE_MACHINE if quick else LARGE_MACHINE, folder / f"vm-{vcpus}.log")
    failures = critical_path.over_budget(_costs)
    for vcpus, paths in _vm_paths.items():
        failures += critical_path.over_vm_budget(vcpus, paths)
    pictures = {f"timeline-{cpus}.svg": timeline.drawing(trace_of(it)) for cpus, it in _costs.items() if it.path.clocks}
    return Result([phases(), steps(), of_vms()], pictures, failures)


def vm_paths(vcpus: int, large: int, log: Path) -> dict[int, plugin.CriticalPath]:
    """Of a VM of so many CPUs, on a machine with one CPU more, and on a large one."""
    return {cpus: critical_path.vm_path(vcpus, cpus, log.with_name(f"{log.stem}-{cpus}.log")) for cpus in (vcpus + 1, large)}


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


def of_vms() -> Table:
    rows = [[f"{vcpus} CPUs, on a machine of {cpus}", *path.by_phase().values(), path.end, path.last_down]
            for vcpus, paths in _vm_paths.items() for cpus, path in paths.items()]
    names = list(next(iter(_costs.values())).path.by_phase())
    return Table("Critical path of a VM beside the host VM, in instructions",
                 ["VM", *names, "next kernel's first instruction", "last CPU down"], rows,
                 ["The host VM has the machine's other CPUs, online and asleep."])


def step_cost(cost: Cost, row: int) -> int:
    end = cost.path.steps[row]
    earlier = [at for at in (*cost.path.steps, *cost.path.phases) if at < end]
    return end - max(earlier)


def trace_of(cost: Cost) -> Trace:
    """A handover as it would be if each CPU had a core of its own, on which all instructions take as long."""
    path = cost.path
    ends = [*path.phases[1:4], path.end]
    names = [*plugin.PHASES[1:4], "enter"]
    phases = [Span(name, "phase", begin / 1000, end / 1000) for name, begin, end in zip(names, [0, *ends], ends)]
    cpus = [Cpu(number, f"CPU {number}", [span_of(cost, number, step) for step in enumerate(steps)])
            for number, steps in path.clocks.items()]
    return Trace(f"A handover of {len(cpus)} CPUs", "instructions", phases, cpus)


def span_of(cost: Cost, cpu: int, step: tuple[int, tuple[int, int]]) -> Span:
    """The followers have no step of the gathering, which lies in the middle of the boot CPU's."""
    row, (begin, end) = step
    _, gathered, switched, *_ = cost.path.phases
    category = "drain" if end <= gathered else "gather" if end <= switched else "take down"
    missing = len(cost.steps) - len(cost.path.clocks[cpu]) if category == "take down" else 0
    return Span(cost.steps[row + missing], category, begin / 1000, end / 1000)


def accept(folder: Path) -> None:
    """What was measured is the budget from now on, and with it what a guest pays all the time."""
    vms = {vcpus: max(path.end for path in paths.values()) for vcpus, paths in _vm_paths.items()}
    critical_path.accept(_costs, vms, bench_steady.above_baton(folder / "steady.log"))


BENCH = Bench("critical-path", "instructions of a handover, on the critical path and in all", measure)
