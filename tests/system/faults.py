# SPDX-License-Identifier: BSD-2-Clause
"""
One fault at each step of each phase, on the machine: a CPU that is lost there, late or overdue, or that kicks all others
once more. The bare-metal guest `aftermath` says what its kernel finds, Baton's log what happened. Each cell of the table
step x fault is compared with what the design says; the table is at the end of the test's log.
"""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from build import BUILD, HYPERVISOR, baton_image
from console import Console
from errors import Status
from judge import END_LINE, FAILED_CHECK
from machine import Guest, Machine
from report import HANDOVER, LOST, SLOWEST
from testing import Test, expect

STEPS = {
    "drain": ["timers", "mmu", "vgic"],
    "gather": ["irqs", "dma", "memory"],
    "take down": ["pmu", "debug", "el1", "gicr", "root"],
}
PHASES = {step: phase for phase, steps in STEPS.items() for step in steps}
GUEST = "tests/guests/aftermath.img"
# Milliseconds. `late` is a quarter of it, `overdue` twice as much; the emulator itself may need a good part.
DEADLINE = 1500
LOST_CPU_BUDGET = 4
BOOT_CPU = 0


@dataclass(frozen=True)
class Fault:
    kind: str
    step: str
    cpu: int = BOOT_CPU

    @property
    def phase(self) -> str:
        return PHASES[self.step]

    def loses_a_cpu(self) -> bool:
        return self.phase != "gather" and (self.kind == "lost" or (self.kind, self.phase) == ("overdue", "drain"))

    def ends_the_machine(self) -> bool:
        return self.phase == "gather" and self.kind == "lost"

    def option(self) -> str:
        return f"baton.fault={self.kind}:{'boot' if self.phase == 'gather' else self.cpu}@{self.step}"


def expected(fault: Fault, walk: str) -> str:
    """By phase and kind. `later`: a quarter of the deadline at least; `much later`: the deadline."""
    serial = walk == "serial"
    lost = f"much later, without CPU {fault.cpu}: lost, not in the DTB, CPU_ON refused"
    return {
        ("drain", "lost"): lost,
        ("drain", "late"): "later, all there",
        ("drain", "overdue"): f"{lost}; came and stayed parked",
        ("drain", "kick"): "all there",
        ("gather", "lost"): "panic: every AP stops, the boot CPU is named",
        ("gather", "late"): "later, all there",
        ("gather", "overdue"): "much later, all there",
        ("gather", "kick"): "all there",
        ("take down", "lost"): ("much later, " if serial else "") + f"all there but CPU {fault.cpu}: CPU_ON fails, fails, "
                               "fails; given up, not in the next DTB",
        ("take down", "late"): ("later, " if serial else "") + "all there",
        ("take down", "overdue"): "much later, all there" if serial else f"all there; CPU {fault.cpu}: CPU_ON fails, works",
        ("take down", "kick"): "all there",
    }[fault.phase, fault.kind]


class Run:
    """One machine, and one handover for each of the faults, and one more."""

    def __init__(self, faults: list[Fault], walk: str, log: Path, deadline: int = DEADLINE, more: str = ""):
        self.faults, self.walk, self.deadline = faults, walk, deadline
        self.cpus = 2 + max(3, sum(fault.loses_a_cpu() for fault in faults))
        baton = baton_image("debug", HYPERVISOR, GUEST)
        append = f"swaps={len(faults) + 1} linger={deadline + 300}"
        guest = Guest(BUILD / "debug" / GUEST, append=append)
        options = " ".join(["baton.rotate baton.report", f"baton.teardown={walk} baton.deadline={deadline}", more,
                            *(fault.option() for fault in faults)])
        machine = Machine([guest, guest], baton, options, self.cpus, reset_ends=True)
        with Console(machine, log) as console:
            self.outcome = console.wait_off(60 + 4 * len(faults))
        self.console = console.transcript
        parts = re.split(r"^guest: generation (\d+) on", self.console, flags=re.MULTILINE)
        self.generations = {int(number): text for number, text in zip(parts[1::2], parts[2::2])}

    def cells(self) -> list[tuple[Fault, str, str]]:
        """The fault, what came of it, how long the blackout was."""
        return [(fault, *self._cell(number, fault)) for number, fault in enumerate(self.faults, 1)]

    def problems(self) -> list[str]:
        """What is wrong beside the table."""
        if self.faults[-1].ends_the_machine():
            return [] if self.outcome.status == Status.PANIC else [self.outcome.sentence]
        found = FAILED_CHECK.findall(self.console)
        if self.outcome.status != Status.OFF:
            found.append(self.outcome.sentence)
        if not re.search(r"^guest: \d+ passed, 0 failed$", self.console, re.MULTILINE) or len(END_LINE.findall(self.console)) != 1:
            found.append("the last generation did not come to its end")
        return found

    def _cell(self, number: int, fault: Fault) -> tuple[str, str]:
        told = f"fault: handover {number}: "
        if f"{told}{fault.kind}, CPU {fault.cpu} at step {fault.step}\n" not in self.console:
            return "the fault did not take place", ""
        went_on = f"{told}CPU {fault.cpu} goes on at step {fault.step}\n" in self.console
        if went_on != (fault.kind != "lost"):
            return f"the faulty CPU {'went' if went_on else 'did not go'} on", ""
        if fault.ends_the_machine():
            return self._panic(), ""
        report = next((match for match in HANDOVER.finditer(self.console) if int(match.group(1)) == number), None)
        if report is None:
            return "no handover", ""
        if report.group(2) != self.walk:
            return f"the walk was {report.group(2)}", ""
        blackout = float(report.group(5)) / 1000
        words = self._delay(number, fault, blackout) + self._whereabouts(number, fault, int(report.group(4)))
        if fault.kind == "overdue" and fault.loses_a_cpu():
            words += "; came and stayed parked"
        return words, f"{blackout:.1f} ms"

    def _panic(self) -> str:
        named = re.search(rf"panic: CPU (\d+): CPU {BOOT_CPU} began a handover and did not finish it", self.console)
        others = self.cpus - 1
        stopped = f"panic: {others} of {others} other CPUs stopped" in self.console
        return ("panic: " + ("every AP stops, " if stopped else "") + ("the boot CPU is named" if named else "nobody is named"))

    def _delay(self, number: int, fault: Fault, blackout: float) -> str:
        """Told only where the fault holds up the boot CPU: an emulator holds it up at any time, but not for so long."""
        holds_up = fault.kind != "kick" and (fault.phase != "take down" or self.walk == "serial")
        if not holds_up:
            return "" if blackout < self.deadline else "much later, "
        if (fault.kind == "late" or fault.phase == "gather") and not fault.loses_a_cpu():
            slowest = next((match for match in SLOWEST.finditer(self.console) if int(match.group(1)) == number), None)
            if slowest is None or slowest.group(2, 3) != (str(fault.cpu), fault.step):
                return f"(the trace has {slowest.group(0) if slowest else 'no slowest step'}) "
        return "much later, " if blackout >= self.deadline else "later, " if blackout >= self.deadline / 4 else "(at once) "

    def _whereabouts(self, number: int, fault: Fault, lost: int) -> str:
        """What the kernel after the handover found, and the one after that."""
        missing = sum(before.loses_a_cpu() for before in self.faults[: number - 1])
        now, then = self.generations.get(number, ""), self.generations.get(number + 1, "")
        given = self.cpus - missing - lost
        if not now.startswith(f" CPU {BOOT_CPU}: {given} of {self.cpus} CPUs\n"):
            return "not all CPUs in the DTB: " + now.partition("\n")[0]
        for cpu in range(self.cpus):
            if cpu not in (BOOT_CPU, fault.cpu) and self._answers(now, cpu) not in ([0], ["not in the DTB"]):
                return f"CPU {cpu}: CPU_ON {self._answers(now, cpu)}"
        if lost:
            named = [int(match.group(2)) for match in LOST.finditer(self.console) if int(match.group(1)) == number]
            refused = all(self._answers(text, fault.cpu) == ["not in the DTB"] for text in (now, then))
            return (f"without CPU {fault.cpu}: " if named == [fault.cpu] else f"without {named}: ") + \
                "lost, " + ("not in the DTB, CPU_ON refused" if refused else "but not out")
        answers = self._answers(now, fault.cpu)
        if fault.cpu == BOOT_CPU or answers == [0]:
            return "all there"
        words = ", ".join("works" if answer == 0 else "fails" for answer in answers)
        if 0 in answers:
            return f"all there; CPU {fault.cpu}: CPU_ON {words}"
        given_up = f"lost CPU {fault.cpu}: it did not finish handover {number} " in self.console
        gone = self._answers(then, fault.cpu) == ["not in the DTB"]
        return (f"all there but CPU {fault.cpu}: CPU_ON {words}; " + ("given up, " if given_up else "")
                + ("not in the next DTB" if gone else "still in the next DTB"))

    @staticmethod
    def _answers(generation: str, cpu: int) -> list:
        """To each CPU_ON of a CPU: 0 is success, and no refusal may take much longer than the deadline."""
        if re.search(rf"^guest: CPU {cpu}: not in the DTB, CPU_ON -\d, AFFINITY_INFO -8$", generation, re.MULTILINE):
            return ["not in the DTB"]
        tries = re.findall(rf"^guest: CPU {cpu}: CPU_ON (-?\d+) after (\d+) ms$", generation, re.MULTILINE)
        return [int(status) if int(took) < 2 * DEADLINE else "hangs" for status, took in tries]


def all_faults(steps: list[str], kinds: list[str], cpus: list[int]) -> list[Fault]:
    """The CPUs take turns; a gather step is the boot CPU's."""
    pairs = [(kind, step) for kind in kinds for step in steps]
    return [Fault(kind, step, BOOT_CPU if PHASES[step] == "gather" else cpus[number % len(cpus)])
            for number, (kind, step) in enumerate(pairs)]


def mild() -> list[Fault]:
    """Those that no CPU is lost by."""
    everywhere = [step for steps in STEPS.values() for step in steps]
    return (all_faults(everywhere, ["late", "kick"], [1, 2, 3]) + all_faults(STEPS["gather"], ["overdue"], [])
            + all_faults(STEPS["take down"], ["overdue"], [1, 2]))


def losses(kinds: dict[str, list[str]]) -> list[list[Fault]]:
    """Those that a CPU is lost by: as many in a run as there are roots to spare. kinds: by step."""
    pairs = [(kind, step) for step, kinds_there in kinds.items() for kind in kinds_there]
    groups = [pairs[at : at + LOST_CPU_BUDGET] for at in range(0, len(pairs), LOST_CPU_BUDGET)]
    return [[Fault(kind, step, cpu) for cpu, (kind, step) in enumerate(group, 1)] for group in groups]


def judge(runs: list[Run], log: Path) -> None:
    """Writes the table, then looks at it."""
    rows = [(run.walk, cell) for run in runs for cell in run.cells()]
    order = list(PHASES)
    rows.sort(key=lambda row: (order.index(row[1][0].step), row[1][0].kind))
    wrong = [problem for run in runs for problem in run.problems()]
    with open(log, "a") as file:
        for walk, (fault, words, blackout) in rows:
            verdict = "ok" if words == expected(fault, walk) else "WRONG"
            file.write(f"{verdict:<6}{walk:<9} {fault.phase:<10}{fault.step:<7} {fault.kind:<8} {blackout:>10}  {words}\n")
            if verdict != "ok":
                wrong.append(f"{walk}, {fault.kind} at {fault.step}: '{words}', expected '{expected(fault, walk)}'")
    expect(not wrong, f"{len(wrong)} things are wrong, the first: {wrong[0] if wrong else ''}")


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
EVERY_LOSS = losses({step: ["lost", "overdue"] for step in STEPS["drain"]} | {step: ["lost"] for step in STEPS["take down"]})
SOME_LOSSES = losses({"timers": ["lost"], "vgic": ["overdue"], "debug": ["lost"], "root": ["lost"]})

TESTS = [
    Test("system/faults/parallel", "a lost, late or overdue CPU or a double kick at any step ends as the design says",
         partial(faults, "parallel", [mild(), *EVERY_LOSS, *([fault] for fault in GATHER_LOSSES)]), alone=True),
    Test("system/faults/serial", "the same in the serial walk, a CPU lost at some of the steps",
         partial(faults, "serial", [mild(), *SOME_LOSSES, GATHER_LOSSES[:1]]), alone=True),
    Test("system/faults/unknown", "a fault at a step that does not exist is ignored with a warning", unknown_step),
]
