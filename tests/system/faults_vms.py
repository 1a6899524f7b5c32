# SPDX-License-Identifier: BSD-2-Clause
"""
The same faults in a VM beside the host VM, four CPUs each: the VM's kernels find what they would find alone, and the host
VM's CPUs stay online, lose no interrupt and keep their memory. Where the VM's boot CPU is lost in the gathering the VM is
lost, and the host VM goes on.
"""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
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
# The VM's first kernel waits so long for the neighbour to come up.
BEGIN_MS = 3000
BEAT = re.compile(r"^guest: beat \d+: (\d+) CPUs, (\d+) timers, (\d+) SGIs, (\d+) words lost$", re.MULTILINE)
CLOSING_LINE = re.compile(rf"^{VM}: guest: \d+ passed, 0 failed$", re.MULTILINE)
# What the host VM shows when a VM is lost, on a build machine with other work as well.
BEATS_AFTER_LOSS, SECONDS_AFTER_LOSS = 5, 60
# In the first handovers, the VM's start and its kernel 0's end, nothing is to happen: a CPU of the host VM does not meet them.
NO_FAULT = "baton.fault=kick:0@timers"
ALIVE = "; neighbour: 4 CPUs go on"


class VmRun(Run):
    first_cpu = CPUS_EACH
    handovers_before, handover_of_start = 2, 1

    def _cpu_count(self) -> int:
        return CPUS_EACH

    def _guests(self) -> list[Guest]:
        return [replace(guest, append=f"{guest.append} begin={BEGIN_MS}") for guest in super()._guests()]

    def _options(self) -> str:
        self.more = " ".join([NO_FAULT] * self.handovers_before)
        return f"{super()._options()} baton.slot=16M"

    def _machine(self) -> Machine:
        neighbour = Guest(BUILD / "debug" / "tests" / "guests" / "neighbour.img", append=f"seconds=100000 pattern=1 beats={BEAT_MS}")
        vm = VmSpec(VM, f"{CPUS_EACH}-{2 * CPUS_EACH - 1}", "64M", self._guests(), slot="16M")
        return Machine([neighbour], self.baton, self._options(), 2 * CPUS_EACH, reset_ends=True, vms=[vm])

    def _watch(self, console: Console) -> Outcome:
        """Until the VM has come to its end, whatever that is; the machine does not end with it."""
        if self.faults[-1].ends_the_machine():
            console.expect(f"VM {VM} is lost", SECONDS_AFTER_LOSS)
            begin = len(console.transcript)
            console.wait_for(lambda text: len(BEAT.findall(text, begin)) >= BEATS_AFTER_LOSS, SECONDS_AFTER_LOSS)
        else:
            console.wait_for(lambda text: CLOSING_LINE.search(text) is not None, 120 + 8 * len(self.faults))
        console.end()
        return console.wait_off(60)

    def _texts(self, console: str) -> tuple[str, str]:
        self.whole = console
        guests = by_vm(console, [VM])
        self.neighbour = guests[HOST].replace(BREAK, "")
        own = "".join(line for line in console.splitlines(keepends=True) if line.startswith("baton: "))
        return own.replace(f"baton: {VM}: ", "baton: "), guests[VM]

    def expected(self, fault: Fault) -> str:
        if fault.ends_the_machine():
            return "the VM is lost, its boot CPU is named" + ALIVE
        return super().expected(fault) + ALIVE

    def _cell(self, number: int, fault: Fault) -> tuple[str, str]:
        words, blackout = super()._cell(number, fault)
        return words + self._neighbour(number), blackout

    def _panic(self) -> str:
        named = f"CPU {self.first_cpu} began a handover and did not finish it: VM {VM} is lost" in self.console
        return "the VM is lost, " + ("its boot CPU is named" if named else "nobody is named")

    def _neighbour(self, number: int) -> str:
        """Between what the VM's kernels before and after the handover have printed: as long as the fault takes it beats."""
        generation = number - self.handover_of_start
        begin = self.whole.find(f"{VM}: guest: generation {generation - 1} on")
        end = self.whole.find(f"{VM}: guest: generation {generation} on")
        beats = BEAT.findall(self.whole, begin, end if end >= 0 else len(self.whole))
        report = next((match for match in HANDOVER.finditer(self.console) if int(match.group(1)) == number), None)
        wanted = 1 + int(float(report.group(5)) / 1e6) if report else BEATS_AFTER_LOSS
        if len(beats) < wanted:
            return f"; neighbour: {len(beats)} beats, at least {wanted} were to come"
        if any(beat != (str(CPUS_EACH), "0", "0", "0") for beat in beats):
            return f"; neighbour: {beats[-1]}"
        return ALIVE

    def problems(self) -> list[str]:
        found = [found for found in map(first_failure, (self.neighbour, *self.generations.values())) if found]
        if self.outcome.status != Status.INTERRUPTED:
            found.append(self.outcome.sentence)
        if not self.faults[-1].ends_the_machine() and not CLOSING_LINE.search(self.whole):
            found.append("the VM did not come to its end")
        return found


def faults(log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(len(STEPS["gather"])) as pool:
        patient = [pool.submit(VmRun, [fault], "parallel", log.with_suffix(f".{fault.step}.log"), deadline=200)
                   for fault in all_faults(STEPS["gather"], ["lost"], [])]
        runs = [VmRun(group, "parallel", log.with_suffix(f".{number}.log"))
                for number, group in enumerate([*mild(), *every_loss(LOST_CPUS_AT_MOST)])]
        judge(runs + [future.result() for future in patient], log)


TESTS = [
    Test("system/faults/vm", "such a CPU in one VM is nothing to the other VM, whose four CPUs lose nothing", faults, alone=True),
]
