# SPDX-License-Identifier: BSD-2-Clause
"""What a handover costs must not grow unseen (tests/bench/budget.toml), nor what a guest pays all the time."""

from functools import partial
from pathlib import Path

import bench_path
import bench_steady
import critical_path
import restarts
from build import HYPERVISOR, baton_image
from testing import Test, TestFailure, expect, run_command

LINUX_CPUS = 2
# Some of what tools/bench finds: the machine may be busy.
LINUX_RATIO = 4
# Some of each file and class that a handover runs through.
HANDOVER_FUNCTIONS = ("Lifecycle::lead(", "Lifecycle::follow(", "Lifecycle::await_aps(", "Gate::close(", "::undo<", "::reset_control()",
                      "::VirtualDistributor<baton::arm64::gic::ThisMachine>::reset()",
                      "::Its<baton::arm64::gic::ThisMachine>::reset()",
                      "::disable_lpis(", "::discard_all()", "CpuInterface::reset_virtual()", "::stop_dma(", "pci::for_each_function",
                      "Vm::switch_images()", "Vm::enter_next_kernel()", "arch::prepare_vcpu()",
                      "arch::enter_guest(", "Stage2::load() const", "zero_fp_registers", "memcpy")
HANDOVER_BYTES = 6 * 4096


def check(cpus: list[int], log: Path) -> None:
    costs = {count: critical_path.cost(count, log.with_name(f"{log.stem}-{count}.log")) for count in cpus}
    lines = [f"{count} CPUs: path {it.path.end} ({it.path.by_phase()}), work {it.work}\n" for count, it in costs.items()]
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("".join(lines))
    wrong = critical_path.over_budget(costs)
    if wrong:
        raise TestFailure(" ".join(wrong))


def vm_path(large: int, log: Path) -> None:
    """Of VMs of few CPUs, on a machine that has hardly more and on a large one."""
    paths = {vcpus: bench_path.vm_paths(vcpus, large, log.with_name(f"{log.stem}-{vcpus}.log")) for vcpus in bench_path.VM_CPUS}
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("".join(f"{vcpus} CPUs of {cpus}: path {path.end} ({path.by_phase()})\n"
                           for vcpus, of in paths.items() for cpus, path in of.items()))
    wrong = [sentence for vcpus, of in paths.items() for sentence in critical_path.over_vm_budget(vcpus, of)]
    if wrong:
        raise TestFailure(" ".join(wrong))


def steady(log: Path) -> None:
    costs = bench_steady.above_baton(log)
    wrong = [critical_path.over("steady", what, what, cost) for what, cost in costs.items()]
    wrong += [f"{what} is {costs[what]} instructions, the goal is {goal}."
              for what, goal in bench_steady.GOALS.items() if costs[what] > goal]
    expect(not any(wrong), " ".join(filter(None, wrong)))


def layout(log: Path) -> None:
    """arch/arm64/baton.ld finds functions by parts of their names, which may change."""
    elf = baton_image("release", HYPERVISOR).with_suffix(".elf")
    run_command(["llvm-nm-19", "--demangle", str(elf)], log, 60)
    symbols = {name: int(at, 16) for at, _, name in (line.split(" ", 2) for line in log.read_text().splitlines() if line[0] != " ")}
    begin, end = symbols["__handover_text"], symbols["__handover_text_end"]
    for part in HANDOVER_FUNCTIONS:
        found = [name for name in symbols if part in name]
        expect(found, f"no function has '{part}' in its name: is it called otherwise now?")
        away = [name for name in found if not begin <= symbols[name] < end]
        expect(not away, f"{away[0] if away else ''} does not lie with what a handover runs")
    expect(end - begin <= HANDOVER_BYTES, f"what a handover runs has grown to {end - begin:,} bytes")


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
PROVES_VM = "the critical path of a VM of 4 or 8 CPUs is the same on a machine of just one CPU more and on one of"
TESTS = [
    Test("bench/critical-path", f"{PROVES}, on 4 and 80 CPUs", partial(check, [4, 80]), quick=True),
    Test("bench/critical-path-many", f"{PROVES}, on 8 and 512 CPUs", partial(check, [8, 512]), soak=True,
         alone=True),
    Test("bench/vm-path", f"{PROVES_VM} {bench_path.QUICK_LARGE_MACHINE}", partial(vm_path, bench_path.QUICK_LARGE_MACHINE)),
    Test("bench/vm-path-many", f"{PROVES_VM} {bench_path.LARGE_MACHINE}", partial(vm_path, bench_path.LARGE_MACHINE), soak=True,
         alone=True),
    Test("bench/steady", "what a guest does all the time costs no more instructions than its budget and its goals", steady, quick=True),
    Test("bench/layout", "the code of a handover lies together, on 6 pages at most", layout, quick=True),
    Test("bench/linux", f"{LINUX_CPUS} CPUs are in the next kernel {LINUX_RATIO} times sooner than by Linux's kexec at its best, "
         "and that kernel comes up", beside_linux, soak=True, alone=True),
]
