# SPDX-License-Identifier: BSD-2-Clause
"""
Runs of the bare-metal guest `aftermath` with a fault in each of its handovers (baton.fault=KIND:CPU@STEP), and what came of
each, from what the guest and Baton have printed: a cell of the table step x fault, which is compared with what the design says.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from build import BUILD, HYPERVISOR, baton_image
from console import Console
from errors import Status
from judge import END_LINE, FAILED_CHECK
from machine import Guest, Machine
from paths import ROOT
from report import HANDOVER, LOST, SLOWEST
from testing import expect
from vm import Outcome

ROW = re.compile(r'^ +Step\{"(\w+)", Stage::(\w+),', re.MULTILINE)


def steps_by_phase() -> dict[str, list[str]]:
    """Of the table in arch/arm64/steps/steps.cpp."""
    steps: dict[str, list[str]] = {}
    for step, stage in ROW.findall((ROOT / "arch" / "arm64" / "steps" / "steps.cpp").read_text()):
        steps.setdefault(stage.replace("_", " "), []).append(step)
    return steps


STEPS = steps_by_phase()
PHASES = {step: phase for phase, steps in STEPS.items() for step in steps}
GUEST = "tests/guests/aftermath.img"
# Milliseconds. `late` is a quarter of it, `overdue` twice as much; the emulator itself may need a good part.
DEADLINE = 1500
BOOT_CPU = 0
# In a run: Baton takes 32 of them.
MOST_FAULTS = 28


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

    def option(self, first_cpu: int = 0) -> str:
        """first_cpu: the machine's number of CPU 0 of the VM."""
        cpu = "boot" if self.phase == "gather" and not first_cpu else first_cpu + self.cpu
        return f"baton.fault={self.kind}:{cpu}@{self.step}"


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

    # The machine's number of the VM's first CPU.
    first_cpu = 0
    # Of the VM, before the first fault; and which one its kernel 0 came by, if any.
    handovers_before, handover_of_start = 0, 0

    def __init__(self, faults: list[Fault], walk: str, log: Path, deadline: int = DEADLINE, more: str = ""):
        self.faults, self.walk, self.deadline, self.more = faults, walk, deadline, more
        self.cpus = self._cpu_count()
        self.baton = baton_image("debug", HYPERVISOR, GUEST)
        with Console(self._machine(), log) as console:
            self.outcome = self._watch(console)
        self.console, guest = self._texts(console.transcript)
        parts = re.split(r"^guest: generation (\d+) on", guest, flags=re.MULTILINE)
        self.generations = {int(number): text for number, text in zip(parts[1::2], parts[2::2])}

    def _cpu_count(self) -> int:
        return 2 + max(3, sum(fault.loses_a_cpu() for fault in self.faults))

    def _guests(self) -> list[Guest]:
        last = len(self.faults) + self.handovers_before - self.handover_of_start + 1
        return [Guest(BUILD / "debug" / GUEST, append=f"swaps={last} linger={self.deadline + 300}")] * 2

    def _options(self) -> str:
        return " ".join(["baton.rotate baton.report", f"baton.teardown={self.walk} baton.deadline={self.deadline}", self.more,
                         *(fault.option(self.first_cpu) for fault in self.faults)])

    def _machine(self) -> Machine:
        return Machine(self._guests(), self.baton, self._options(), self.cpus, reset_ends=True)

    def _watch(self, console: Console) -> Outcome:
        return console.wait_off(60 + 4 * len(self.faults))

    def _texts(self, console: str) -> tuple[str, str]:
        """What Baton says of the VM, as of one that is alone; what its guest says."""
        return console, console

    def expected(self, fault: Fault) -> str:
        return expected(fault, self.walk)

    def cells(self) -> list[tuple[Fault, str, str]]:
        """The fault, what came of it, how long the blackout was."""
        return [(fault, *self._cell(self.handovers_before + k, fault)) for k, fault in enumerate(self.faults, 1)]

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
        cpu = self.first_cpu + fault.cpu
        if f"{told}{fault.kind}, CPU {cpu} at step {fault.step}\n" not in self.console:
            return "the fault did not take place", ""
        went_on = f"{told}CPU {cpu} goes on at step {fault.step}\n" in self.console
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
        missing = sum(before.loses_a_cpu() for before in self.faults[: number - self.handovers_before - 1])
        generation = number - self.handover_of_start
        now, then = self.generations.get(generation, ""), self.generations.get(generation + 1, "")
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


def mild() -> list[list[Fault]]:
    """Those that no CPU is lost by."""
    everywhere = [step for steps in STEPS.values() for step in steps]
    return in_runs(all_faults(everywhere, ["late", "kick"], [1, 2, 3]) + all_faults(STEPS["gather"], ["overdue"], [])
                   + all_faults(STEPS["take down"], ["overdue"], [1, 2]))


def losses(kinds: dict[str, list[str]], in_a_run: int) -> list[list[Fault]]:
    """Those that a CPU is lost by: no more in a run than there are CPUs, and roots to spare. kinds: by step."""
    pairs = [(kind, step) for step, kinds_there in kinds.items() for kind in kinds_there]
    groups = [pairs[at : at + in_a_run] for at in range(0, len(pairs), in_a_run)]
    return [[Fault(kind, step, cpu) for cpu, (kind, step) in enumerate(group, 1)] for group in groups]


def every_loss(in_a_run: int) -> list[list[Fault]]:
    return losses({step: ["lost", "overdue"] for step in STEPS["drain"]} | {step: ["lost"] for step in STEPS["take down"]},
                  in_a_run)


def in_runs(faults: list[Fault]) -> list[list[Fault]]:
    count = -(-len(faults) // MOST_FAULTS)
    return [faults[at::count] for at in range(count)]


def judge(runs: list[Run], log: Path) -> None:
    """Writes the table, then looks at it."""
    rows = [(run, cell) for run in runs for cell in run.cells()]
    order = list(PHASES)
    rows.sort(key=lambda row: (order.index(row[1][0].step), row[1][0].kind))
    wrong = [problem for run in runs for problem in run.problems()]
    with open(log, "a") as file:
        for run, (fault, words, blackout) in rows:
            verdict = "ok" if words == run.expected(fault) else "WRONG"
            file.write(f"{verdict:<6}{run.walk:<9} {fault.phase:<10}{fault.step:<7} {fault.kind:<8} {blackout:>10}  {words}\n")
            if verdict != "ok":
                wrong.append(f"{run.walk}, {fault.kind} at {fault.step}: '{words}', expected '{run.expected(fault)}'")
    expect(not wrong, f"{len(wrong)} things are wrong, the first: {wrong[0] if wrong else ''}")
