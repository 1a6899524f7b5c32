# SPDX-License-Identifier: BSD-2-Clause
"""
Does a test notice when a handover leaves something undone? Baton is built without each step of arch/arm64/steps/steps.cpp in
turn, and without each part of a step, and given to a guest that examines all it finds. Prints who noticed what.
"""

import re
import shutil
from importlib import util
from pathlib import Path

import build
from console import Console, ConsoleError
from guest_tests import DEFAULTS, guest, judge
from machine import Machine
from paths import ROOT
from testing import Test, TestFailure, expect
from vms import VmSpec

STEPS = ROOT / "arch" / "arm64" / "steps" / "steps.cpp"
STEP = re.compile(r'constexpr Parts \w+\{"(\w+)",(.*?)\};', re.DOTALL)
PART = re.compile(r'Part\{"(\w+)"')
SECONDS = 40
SWAP, ITS = "tests/guests/swap.img", "tests/guests/its.img"
# Seen by the guest that uses the ITS.
OF_ITS = {"vgic.lpis", "irqs.its"}
# Of a cluster's counters: a CPU that is lost with its share of them, and CPU_OFFs down to the last one.
CLUSTERS = {"irqs.clusters": ("lost", ["swaps=1"] * 2, 4, "baton.rotate baton.deadline=2000 baton.fault=lost:2@timers"),
            "dsu": ("dsu", [""], 6, "")}
# Of a UART that Baton emulates: where there is another VM.
CONSOLE = "dma.console"
OPTIONS = "swaps=4 aps=mixed"
# CPUs that are not started keep what the last handover left in them.
ROOT_OPTIONS = "swaps=4 aps=spin idle light"
# The model that has most: memory tags, pointer authentication, SVE and SME.
CPU, EXTRA = "max", ["-machine", "mte=on"]

# What QEMU cannot show, since it has no such unit or pays no attention to it, and what shows it instead.
ELSEWHERE = {
    "trace": "unit/trace_buffers, where each operation is left out in turn; QEMU has no such units",
    "vgic.interface": "unit/vgic_handover, where each part is left out in turn; the next CPU_ON does it again",
    "irqs.lpis": "unit/vgic_handover, as above; parked CPUs are woken in most handovers, and then turn LPIs off themselves",
    "irqs.sgis": "unit/vgic_handover, as above; parked CPUs are woken in most handovers, and then forget SGIs themselves",
    "gicr.1_of_n": "unit/vgic_handover, where each part is left out in turn; QEMU has no GICR_CTLR.DPG1NS",
    "vms": "model/handover and unit/lifecycle_shut; the other VMs have mostly stopped when the host VM has drained",
    "dma.firmware": "unit/firmware_calls; QEMU has no firmware with FF-A",
    "el1.stacks": "tools/python, by the registers' names; QEMU has no control stacks",
}


def mutations() -> dict[str, str]:
    """STEP or STEP.PART: the name of the step."""
    names = {}
    for step, parts in STEP.findall(STEPS.read_text()):
        names[step] = step
        found = PART.findall(parts)
        if len(found) > 1:
            names |= {f"{step}.{part}": step for part in found}
    return names


def mutant(name: str, log: Path) -> Path:
    folder = build.configure("mutate", log)
    build.call(["meson", "configure", str(folder), f"-Dmutate={name}"], log)
    build.call(["ninja", "-C", str(folder), "-j", str(build.JOBS), build.HYPERVISOR], log)
    return folder / build.HYPERVISOR


def complaint_of(machine: Machine, who: str, log: Path) -> str | None:
    with Console(machine, log) as console:
        try:
            outcome = console.wait_off(SECONDS)
            judge(DEFAULTS, console.transcript, outcome)
        except (TestFailure, ConsoleError) as failure:
            return f"{who}: {str(failure).rstrip()}"
    return None


def examined(baton: Path, log: Path, options: str = OPTIONS, image: str = SWAP) -> str | None:
    """What the guest complains of, if anything."""
    folder = build.baton_image("debug", build.HYPERVISOR, image).parents[2] / "tests" / "guests"
    machine = Machine([guest(folder, Path(image).stem, options)] * 2, baton, "baton.rotate baton.deadline=5000", 4, cpu=CPU,
                      reset_ends=True, extra=EXTRA)
    return complaint_of(machine, f"guest/{Path(image).stem}", log)


def counted(baton: Path, log: Path, name: str) -> str | None:
    """What the guest complains of that uses a cluster's counters."""
    image, appends, cpus, options = CLUSTERS[name]
    folder = build.baton_image("debug", build.HYPERVISOR, f"tests/guests/{image}.img").parents[2] / "tests" / "guests"
    machine = Machine([guest(folder, image, append) for append in appends], baton, f"baton.dsu=model {options}", cpus,
                      reset_ends=True)
    return complaint_of(machine, f"guest/{image}", log)


def typed(baton: Path, log: Path) -> str | None:
    """The same of the guest that fills its UART."""
    folder = build.baton_image("debug", build.HYPERVISOR, "tests/guests/uart.img", "tests/guests/entered.img").parents[2]
    folder = folder / "tests" / "guests"
    other = VmSpec("a", "2-3", "64M", [guest(folder, "entered", "stay")], slot="16M")
    machine = Machine([guest(folder, "uart", "swaps=4")] * 2, baton, "baton.rotate baton.deadline=5000 baton.slot=16M",
                      reset_ends=True, vms=[other])
    return complaint_of(machine, "guest/uart", log)


def flooded(baton: Path, log: Path) -> str | None:
    """The same of the test that looks for DMA into RAM."""
    spec = util.spec_from_file_location("flood_of_mutants", Path(__file__).with_name("flood.py"))
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.baton_image = lambda _: baton
    try:
        module.nothing_is_written("mmio", "emergency", log)
    except (TestFailure, ConsoleError) as failure:
        return f"system/flood/ram: {str(failure).rstrip()}"
    return None


def noticed(name: str, step: str, log: Path) -> str | None:
    if name == CONSOLE:
        return typed(mutant(name, log), log.with_suffix(f".{name}.log"))
    if step == "dma":
        return flooded(mutant(name, log), log.with_suffix(".dma.log"))
    if name in CLUSTERS:
        return counted(mutant(name, log), log.with_suffix(f".{name}.log"), name)
    return examined(mutant(name, log), log.with_suffix(f".{name}.log"), ROOT_OPTIONS if step == "root" else OPTIONS,
                    ITS if name in OF_ITS else SWAP)


def all_noticed(log: Path) -> None:
    log.unlink(missing_ok=True)
    baton = mutant("", log)
    for options, image in ((OPTIONS, SWAP), (ROOT_OPTIONS, SWAP), (OPTIONS, ITS)):
        complaint = examined(baton, log.with_suffix(".whole.log"), options, image)
        expect(complaint is None, f"the guest complains of a Baton that leaves out nothing: {complaint}")
    for name in CLUSTERS:
        complaint = counted(baton, log.with_suffix(".whole.log"), name)
        expect(complaint is None, f"with clusters the guest complains of a Baton that leaves out nothing: {complaint}")
    complaint = typed(baton, log.with_suffix(".whole.log"))
    expect(complaint is None, f"beside another VM the guest complains of a Baton that leaves out nothing: {complaint}")
    missed = []
    names = mutations()
    expect(len(names) > 30, f"{STEPS} shows only {len(names)} steps and parts")
    try:
        for name, step in names.items():
            where = ELSEWHERE.get(name) or ELSEWHERE.get(step)
            complaint = None if where else noticed(name, step, log)
            if not where and complaint is None:
                missed.append(name)
            print(f"    without {name:<17} {where or complaint or 'NOBODY NOTICES'}", flush=True)
    finally:
        shutil.rmtree(build.BUILD / "mutate", ignore_errors=True)
    expect(not missed, f"nobody notices that a handover does without {', '.join(missed)}")


TESTS = [Test("mutate", "each step of a handover, and each part of one, is missed by a test when it is left out",
              all_noticed, soak=True, alone=True)]
