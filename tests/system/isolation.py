# SPDX-License-Identifier: BSD-2-Clause
"""What a VM's swaps cost its neighbours: of CPUs that only spin, no instruction at EL2. Counted by a plugin of QEMU."""

import json
import re
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
# Longer than any test: the neighbour is ended with the machine.
STILL = "still pattern=1 seconds=100000"


def guests(image: str, append: str, count: int = 1) -> list[Guest]:
    return [Guest(BUILD / "release" / "tests" / "guests" / f"{image}.img", None, append)] * count


def counts(out: Path) -> dict[str, list[int]]:
    """The last whole line, by vCPU; nothing so far: empty."""
    lines = out.read_text().split("\n")[:-1] if out.exists() else []
    return json.loads(lines[-1]) if lines else {"watched": [], "el2": [], "all": []}


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
    Test("system/isolation/1000", "nor in 1,000 swaps", partial(neighbour_of, "a", 1000), soak=True, alone=True),
]
