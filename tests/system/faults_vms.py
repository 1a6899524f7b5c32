# SPDX-License-Identifier: BSD-2-Clause
"""
The same faults in one of two VMs of four CPUs each: its kernels find what they would find alone, and the other VM's CPUs
stay online, lose no interrupt and keep their memory. Where the boot CPU of a VM is lost in the gathering the VM is lost, and
the host VM goes on; the host VM's end is the machine's (system/faults/parallel).
"""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

from build import BUILD
from console import Console
from errors import Status
from judge import BREAK, by_vm, first_failure
from machine import Guest, Machine
from report import HANDOVER
from step_faults import STEPS, Fault, Run, all_faults, every_loss, judge, mild
from testing import Test
from vm import Outcome
from vms import HOST, VmSpec

VM = "a"
CPUS_EACH = 4
# Of a VM of four: its boot CPU stays.
LOST_CPUS_AT_MOST = 3
BEAT_MS = 20
# The first kernel waits so long for the neighbour to come up.
BEGIN_MS = 3000
BEAT = re.compile(r"^guest: beat \d+: (\d+) CPUs, (\d+) timers, (\d+) SGIs, (\d+) words lost$", re.MULTILINE)
# What the host VM shows when a VM is lost, on a build machine with other work as well.
BEATS_AFTER_LOSS, SECONDS_AFTER_LOSS = 5, 60
# In the first handovers, a VM's start and its kernel 0's end, nothing is to happen: a CPU of the host VM does not meet them.
NO_FAULT = "baton.fault=kick:0@timers"
ALIVE = "; neighbour: 4 CPUs go on"


class Beside(Run):
    """The neighbour is connected, so the lines of the VM with the faults come whole."""

    swapped: str
    neighbour: str

    def _cpu_count(self) -> int:
        return CPUS_EACH

    def _guests(self) -> list[Guest]:
        return [replace(guest, append=f"{guest.append} begin={BEGIN_MS}") for guest in super()._guests()]

    def _options(self) -> str:
        self.more = " ".join([NO_FAULT] * self.handovers_before)
        return f"{super()._options()} baton.slot=16M"

    def _machine(self) -> Machine:
        neighbour = Guest(BUILD / "debug" / "tests" / "guests" / "neighbour.img",
                          append=f"seconds=100000 pattern=1 beats={BEAT_MS}")
        guests = {self.swapped: self._guests(), self.neighbour: [neighbour]}
        vm = VmSpec(VM, f"{CPUS_EACH}-{2 * CPUS_EACH - 1}", "64M", guests[VM], slot="16M")
        return Machine(guests[HOST], self.baton, self._options(), 2 * CPUS_EACH, reset_ends=True, vms=[vm],
                       console=self.neighbour)

    def _watch(self, console: Console) -> Outcome:
        console.wait_for(lambda text: self._closing_line(text) is not None, 120 + 8 * len(self.faults))
        return console.wait_off(60)

    def _closing_line(self, text: str) -> re.Match | None:
        return re.search(rf"^{self.swapped}: guest: \d+ passed, 0 failed$", text, re.MULTILINE)

    def _texts(self, console: str) -> tuple[str, str]:
        self.whole = console
        guests = by_vm(console, [VM], self.neighbour)
        self.neighbours_text = guests[self.neighbour].replace(BREAK, "")
        own = "".join(line for line in console.splitlines(keepends=True) if line.startswith("baton: "))
        return own.replace(f"baton: {self.swapped}: ", "baton: "), guests[self.swapped]

    def expected(self, fault: Fault) -> str:
        return super().expected(fault) + ALIVE

    def _cell(self, number: int, fault: Fault) -> tuple[str, str]:
        words, blackout = super()._cell(number, fault)
        return words + self._beats(number), blackout

    def _beats(self, number: int) -> str:
        """Between what the kernels before and after the handover have printed: as long as the fault takes there are some."""
        generation = number - self.handover_of_start
        begin = self.whole.find(f"{self.swapped}: guest: generation {generation - 1} on")
        end = self.whole.find(f"{self.swapped}: guest: generation {generation} on")
        beats = BEAT.findall(self.whole, begin, end if end >= 0 else len(self.whole))
        report = next((match for match in HANDOVER.finditer(self.console) if int(match.group(1)) == number), None)
        wanted = 1 + int(float(report.group(5)) / 1e6) if report else BEATS_AFTER_LOSS
        if len(beats) < wanted:
            return f"; neighbour: {len(beats)} beats, at least {wanted} were to come"
        if any(beat != (str(CPUS_EACH), "0", "0", "0") for beat in beats):
            return f"; neighbour: {beats[-1]}"
        return ALIVE

    def problems(self) -> list[str]:
        found = [found for found in map(first_failure, (self.neighbours_text, *self.generations.values())) if found]
        if self.outcome.status != (Status.OFF if self.swapped == HOST else Status.INTERRUPTED):
            found.append(self.outcome.sentence)
        if not self.faults[-1].ends_the_machine() and self._closing_line(self.whole) is None:
            found.append(f"VM {self.swapped} did not come to its end")
        return found


class InHost(Beside):
    swapped, neighbour = HOST, VM


class InVm(Beside):
    swapped, neighbour = VM, HOST
    first_cpu = CPUS_EACH
    handovers_before, handover_of_start = 2, 1

    def _watch(self, console: Console) -> Outcome:
        """The machine does not end with the VM, whose end may be that it is lost."""
        if self.faults[-1].ends_the_machine():
            console.expect(f"VM {VM} is lost", SECONDS_AFTER_LOSS)
            begin = len(console.transcript)
            console.wait_for(lambda text: len(BEAT.findall(text, begin)) >= BEATS_AFTER_LOSS, SECONDS_AFTER_LOSS)
        else:
            console.wait_for(lambda text: self._closing_line(text) is not None, 120 + 8 * len(self.faults))
        console.end()
        return console.wait_off(60)

    def expected(self, fault: Fault) -> str:
        return "the VM is lost, its boot CPU is named" + ALIVE if fault.ends_the_machine() else super().expected(fault)

    def _panic(self) -> str:
        named = f"CPU {self.first_cpu} began a handover and did not finish it: VM {VM} is lost" in self.console
        return "the VM is lost, " + ("its boot CPU is named" if named else "nobody is named")


def faults(kind: type[Beside], ends: list[Fault], log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(len(STEPS["gather"])) as pool:
        patient = [pool.submit(kind, [fault], "parallel", log.with_suffix(f".{fault.step}.log"), deadline=200)
                   for fault in ends]
        runs = [kind(group, "parallel", log.with_suffix(f".{number}.log"))
                for number, group in enumerate([*mild(), *every_loss(LOST_CPUS_AT_MOST)])]
        judge(runs + [future.result() for future in patient], log)


TESTS = [
    Test("system/faults/vm", "such a CPU in one VM is nothing to the host VM, whose four CPUs lose nothing",
         partial(faults, InVm, all_faults(STEPS["gather"], ["lost"], [])), alone=True),
    Test("system/faults/host", "nor is one in the host VM to another VM", partial(faults, InHost, []), soak=True, alone=True),
]
