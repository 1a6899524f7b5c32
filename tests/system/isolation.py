# SPDX-License-Identifier: BSD-2-Clause
"""
What a VM's swaps cost its neighbours: of CPUs that only spin, no instruction at EL2, and no longer gap between two looks at
the counter. Counted by a plugin of QEMU, in instructions that the CPU itself executes: with a thread for each CPU, wall time
is the build machine's, and with QEMU's -icount all CPUs take turns on one clock. So it is what Baton can do to a neighbour
that is measured; what CPUs do to each other in caches and on buses no emulator knows.
"""

import json
import re
import time
from functools import partial
from pathlib import Path

import plugin
from build import BUILD, HYPERVISOR, baton_image
from console import Console
from machine import Guest, Machine
from testing import Test, expect
from vms import HOST, VmSpec

CPUS = 4
# The host VM has the first half.
CPUS_OF = {HOST: (0, 1), "a": (2, 3)}
OPTIONS = "baton.rotate baton.deadline=10000 baton.slot=16M"
# Swaps that may be over before the neighbour is watched.
BEFORE = 50
GUESTS = ("tests/guests/neighbour.img", "tests/guests/swap.img")
# And those beside which gaps are measured, and how long that may take.
SWAPS_BESIDE = 50
GAP_SECONDS = 120
# Longer than any test: the neighbour is ended with the machine.
STILL = "still pattern=1 seconds=100000"


def guests(image: str, append: str, count: int = 1) -> list[Guest]:
    return [Guest(BUILD / "release" / "tests" / "guests" / f"{image}.img", None, append)] * count


def counts(out: Path) -> dict[str, list[int]]:
    """The last whole line, by vCPU; nothing so far: empty."""
    lines = out.read_text().split("\n")[:-1] if out.exists() else []
    return json.loads(lines[-1]) if lines else dict.fromkeys(("watched", "el2", "all", "reads", "gap"), [])


def generation(console: str) -> int:
    """Of the VM that is swapped, the last that it told of."""
    return max(map(int, re.findall(r"guest: swap: generation (\d+) of", console)), default=0)


def is_watched(out: Path, cpus: tuple[int, ...]) -> bool:
    watched = counts(out)["watched"]
    return len(watched) > max(cpus) and all(watched[cpu] == 1 for cpu in cpus)


def neighbour_of(swapped: str, swaps: int, log: Path) -> None:
    baton = baton_image("release", HYPERVISOR, *GUESTS)
    still = HOST if swapped == "a" else "a"
    append = f"swaps={swaps + BEFORE} aps=mixed light"
    by_name = {swapped: guests("swap", append, 2), still: guests("neighbour", STILL)}
    out = log.with_suffix(".levels")
    vm = VmSpec("a", "2-3", "64M", by_name["a"], slot="16M")
    machine = Machine(by_name[HOST], baton, OPTIONS, CPUS, reset_ends=True, vms=[vm], console=swapped,
                      extra=plugin.options(out, "levels"))
    with Console(machine, log) as console:
        console.expect(rf"{still}: guest: neighbour: \d+ CPUs", 60)
        expect(console.wait_for(lambda _: is_watched(out, CPUS_OF[still]), 60), "the neighbour's CPUs are not watched")
        begin = generation(console.transcript)
        console.expect(rf"guest: swap: generation {swaps + BEFORE} of", 60 + 2 * swaps)
        end = counts(out)
        text = console.transcript
    expect("FAIL: " not in text, f"a check failed: {text[text.find('FAIL: '):].partition(chr(10))[0]}")
    expect(begin <= BEFORE, f"{begin} swaps were over before the neighbour was watched, {BEFORE} may be")
    at_el2 = {cpu: end["el2"][cpu] for cpu in CPUS_OF[still]}
    expect(not any(at_el2.values()), f"while {swapped} was swapped {swaps} times, its neighbour's CPUs executed at EL2: {at_el2}")
    expect(is_watched(out, CPUS_OF[still]) and all(end["all"][cpu] > 10_000 for cpu in CPUS_OF[still]),
           f"the neighbour's CPUs did not spin: {end}")


# Reads of the counter, by each of the neighbour's CPUs, and with its own ticks what these must have cost at EL2 at least.
READS = 200_000
TICKS_AT_EL2 = 100 * 200
# The other VM swaps its kernels, or lives and does not.
SWAPS = {True: ("swap", "swaps=100000 aps=mixed light"), False: ("neighbour", "seconds=100000 pattern=1")}


def longest_gaps(ticks: str, swapped: bool, log: Path) -> list[int]:
    """Of the host VM's CPUs, in instructions from one look at the counter to the next."""
    image, append = SWAPS[swapped]
    out = log.with_suffix(".levels")
    vm = VmSpec("a", "2-3", "64M", guests(image, append, 2), slot="16M")
    machine = Machine(guests("neighbour", f"{STILL} {ticks}"), baton_image("release", HYPERVISOR, *GUESTS), OPTIONS, CPUS,
                      reset_ends=True, vms=[vm], extra=plugin.options(out, "levels"), console="a")
    own = CPUS_OF[HOST]

    def is_done(text: str) -> bool:
        now = counts(out)
        return (is_watched(out, own) and all(now["reads"][cpu] >= READS for cpu in own)
                and (not ticks or all(now["el2"][cpu] >= TICKS_AT_EL2 for cpu in own))
                and (not swapped or generation(text) >= generation_then + SWAPS_BESIDE))

    with Console(machine, log) as console:
        expect(console.wait_for(lambda _: is_watched(out, own), 60), "the neighbour's CPUs are not watched")
        generation_then = generation(console.transcript)
        deadline = time.monotonic() + GAP_SECONDS
        while not is_done(console.transcript) and time.monotonic() < deadline:
            console.wait_for(lambda text: False, 0.2)
        expect(is_done(console.transcript), f"within {GAP_SECONDS} s the neighbour was not far enough: {counts(out)}")
        expect("FAIL: " not in console.transcript, "a check failed")
    end = counts(out)
    return [end["gap"][cpu] for cpu in own]


def jitter(log: Path) -> None:
    """A guest that looks at the counter all the time, with all masked and with its own timer interrupts."""
    rows, wrong = [], []
    for name, ticks in (("all masked", ""), ("a timer interrupt every 200 us", "ticks=200")):
        without, beside = (longest_gaps(ticks, swapped, log) for swapped in (False, True))
        rows.append(f"longest gap, instructions by CPU; {name}: without swaps {without}, beside swaps {beside}\n")
        if max(beside) > max(without):
            wrong.append(rows[-1].strip())
    with open(log, "a") as file:
        file.writelines(rows)
    expect(not wrong, " ".join(wrong))


def calls_are_counted(log: Path) -> None:
    """The plugin tells no lies: it counts what a call costs, on each CPU."""
    baton = baton_image("release", HYPERVISOR, *GUESTS)
    found = {}
    for calls in (0, 1, 11):
        out = log.with_suffix(".levels")
        machine = Machine(guests("neighbour", f"still pattern=1 seconds=1 calls={calls}"), baton, OPTIONS, CPUS, reset_ends=True,
                          extra=plugin.options(out, "levels"))
        with Console(machine, log) as console:
            console.expect(r"guest: \d+ passed, 0 failed", 60)
        found[calls] = counts(out)["el2"]
    expect(found[0] == [0] * CPUS, f"CPUs that only spin executed at EL2: {found[0]}")
    for cpu in range(CPUS):
        one, eleven = found[1][cpu], found[11][cpu]
        expect(0 < one < 5000 and eleven == 11 * one, f"CPU {cpu}: a call is {one} instructions at EL2, eleven are {eleven}")


TESTS = [
    Test("system/isolation/counter", "instructions at EL2 are counted, on each CPU", calls_are_counted),
    Test("system/isolation/vm", "while a VM is swapped, its neighbour's CPUs execute nothing at EL2", partial(neighbour_of, "a", 50)),
    Test("system/isolation/host", "nor do they while the host VM is swapped", partial(neighbour_of, HOST, 50)),
    Test("system/isolation/jitter", "while a VM is swapped, its neighbour's longest gap between two looks at the counter is what it is "
         "without", jitter),
    Test("system/isolation/1000", "nor in 1,000 swaps", partial(neighbour_of, "a", 1000), soak=True, alone=True),
]
