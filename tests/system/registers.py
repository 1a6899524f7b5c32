# SPDX-License-Identifier: BSD-2-Clause
"""
Every register that EL1 or EL0 can write holds after a swap what it holds after a cold boot, on the boot CPU and on APs:
one guest (tests/guests/swap.cpp) prints what it finds on the bare board, and above Baton after a swap.
"""

import re
from functools import partial
from pathlib import Path

from build import baton_image
from console import Console
from errors import Status
from guest_tests import guest
from machine import Guest, Machine
from testing import Test, expect

CPUS = 4
MODELS = ("cortex-a53", "cortex-a76", "neoverse-n1", "max", "cortex-a76,pmu=off")
# QEMU keeps registers that its ID registers deny: Baton, which does not clean them then, closes them.
DENIED = {"cortex-a76,pmu=off": "PM"}
ENTRY = re.compile(r"^entry: CPU (\d+): (.+) = (0x[0-9a-f]+)\r?$", re.MULTILINE)
FILLED = re.compile(r"^filled: (.+?)\r?$", re.MULTILINE)
PASSED = re.compile(r"^guest: \d+ passed, 0 failed", re.MULTILINE)

# What may differ from QEMU's cold boot, and why.
DIFFERENT = {"SCTLR_EL1": "a CPU's own reset value has more of SCTLR_EL1 set than the boot protocol asks for (MMU, caches "
                          "and BE off); Baton gives the same one, the RES1 bits of Armv8.0, on every model"}
# What every model has, and what the old kernel can write to: if one of these were not filled, the test would show nothing.
ALWAYS_FILLED = {
    "ELR_EL1", "SPSR_EL1", "ESR_EL1", "FAR_EL1", "CPACR_EL1", "SCTLR_EL1", "TTBR0_EL1", "TTBR1_EL1", "TCR_EL1", "MAIR_EL1",
    "CONTEXTIDR_EL1", "CSSELR_EL1", "PAR_EL1", "SP_EL0", "TPIDR_EL0", "TPIDRRO_EL0", "TPIDR_EL1", "VBAR_EL1", "FPCR",
    "FPSR", "V0-V31", "CNTKCTL_EL1", "CNTP_CVAL_EL0", "CNTP_CTL_EL0", "CNTV_CVAL_EL0", "CNTV_CTL_EL0", "PMSELR_EL0",
    "PMCCFILTR_EL0", "PMCCNTR_EL0", "PMOVSSET_EL0", "PMINTENSET_EL1", "PMCNTENSET_EL0", "PMUSERENR_EL0", "PMCR_EL0",
    "PMEVCNTR_EL0[0]", "PMEVTYPER_EL0[0]", "PMEVTYPER_EL0[5]", "MDSCR_EL1", "DBGCLAIMCLR_EL1", "OSLSR_EL1",
    "DBGBVR_EL1[0]", "DBGBCR_EL1[0]", "DBGWVR_EL1[0]", "DBGWCR_EL1[0]", "DBGBCR_EL1[5]", "DBGWCR_EL1[3]", "ICC_PMR_EL1",
    "ICC_BPR0_EL1", "ICC_BPR1_EL1", "ICC_CTLR_EL1", "ICC_IGRPEN0_EL1", "ICC_IGRPEN1_EL1", "ICC_AP0R0_EL1",
    "ICC_AP1R0_EL1",
}
FILLED_ON = {
    "cortex-a53": ALWAYS_FILLED,
    "cortex-a76": ALWAYS_FILLED | {"DISR_EL1", "SSBS"},
    "neoverse-n1": ALWAYS_FILLED | {"DISR_EL1", "SSBS"},
    "cortex-a76,pmu=off": {name for name in ALWAYS_FILLED if not name.startswith("PM")},
    "max": ALWAYS_FILLED | {"DISR_EL1", "SSBS", "DIT", "APIAKeyLo_EL1", "APGAKeyHi_EL1", "SCXTNUM_EL1", "SCXTNUM_EL0",
                            "ZCR_EL1", "SMCR_EL1", "SVCR", "TPIDR2_EL0", "Z0-Z31 P0-P15 FFR"},
}


def console(guests: list[Guest], cpu: str, baton: Path | None, log: Path) -> str:
    machine = Machine(guests, baton, "baton.rotate baton.deadline=5000", CPUS, cpu=cpu, reset_ends=True)
    with Console(machine, log) as running:
        outcome = running.wait_off(60)
        expect(outcome.status == Status.OFF and PASSED.search(running.transcript), f"the guest did not pass: {outcome.sentence}")
        return running.transcript


def entries(text: str) -> dict[tuple[int, str], str]:
    return {(int(cpu), name): value for cpu, name, value in ENTRY.findall(text)}


def as_cold(cpu: str, log: Path) -> None:
    baton = baton_image("debug")
    folder = baton.parents[2] / "tests" / "guests"
    cold = entries(console([guest(folder, "swap", "swaps=0 bare dump")], cpu, None, log.with_suffix(".bare.log")))
    # Four swaps: each CPU has been left in each way. Odd CPUs, as the last caller, are left in streaming mode.
    swapped = console([guest(folder, "swap", "swaps=4 aps=mixed dump")] * 2, cpu, baton, log)
    found = entries(swapped)
    expect(len(cold) > 150, f"the bare board shows {len(cold)} registers")
    denied = {key for key in cold if key[1].startswith(DENIED.get(cpu, "-"))}
    expect(bool(denied) == (cpu in DENIED), "the bare board denies no register: nothing is shown of them")
    expect(found.keys() == cold.keys() - denied,
           f"registers exist on one side only: {sorted(found.keys() ^ (cold.keys() - denied))[:5]}")
    wrong = [f"CPU {number}: {name} is {found[number, name]}, after a cold boot {value}"
             for (number, name), value in cold.items() if (number, name) not in denied and found[number, name] != value and name not in DIFFERENT]
    expect(not wrong, f"{len(wrong)} registers differ: {'; '.join(wrong[:5])}")
    not_filled = FILLED_ON[cpu] - set(FILLED.findall(swapped))
    expect(not not_filled, f"the old kernel left nothing in {', '.join(sorted(not_filled))}: nothing is shown of them")


TESTS = [Test(f"system/registers/{cpu}", f"on {cpu} all registers of EL1 and EL0 are after a swap as after a cold boot",
              partial(as_cold, cpu), quick=cpu == "cortex-a76") for cpu in MODELS]
