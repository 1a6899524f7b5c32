# SPDX-License-Identifier: BSD-2-Clause
"""
Machines of many shapes: every CPU model that the emulator has, with extensions missing, numbers of CPUs, sizes and banks of
memory, and the oldest emulator that Debian still has. On each a bare-metal guest starts all CPUs, fills what it can reach
and is handed over twice to a next one, which looks for what is left.
"""

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from boot_images import parse_size
from build import baton_image
from console import Console
from debian import fetched
from errors import Status
from guest_tests import guest
from judge import first_failure
from machine import CPU_MODELS, QEMU, Machine
from testing import Test, TestFailure, expect

AT_ONCE = 2
CLEAN = re.compile(r"^guest: \d+ passed, 0 failed", re.MULTILINE)
# Each has less than its model: an extension, a debug register, a PMU, wide addresses.
REDUCED = ("cortex-a76,pmu=off", "max,pmu=off", "max,sve=off,sme=off", "max,sme=off", "max,pauth=off", "max,lpa2=off",
           "max,sve256=off,sme=off")
COUNTS = (1, 2, 3, 5, 9, 16, 17, 24, 33)
MANY = (100, 129, 255, 256, 512)
SIZES = ("192M", "257M", "1023M", "3G", "4G", "5G")


def swapped(log: Path, *, cpu: str = "cortex-a76", cpus: int = 4, memory: str = "512M", emulator: str = QEMU,
            extra: tuple[str, ...] = (), secure: bool = False) -> None:
    """Two handovers on a machine of this shape."""
    baton = baton_image("debug")
    folder = baton.parents[2] / "tests" / "guests"
    light = "light " if cpus > 40 else ""
    machine = Machine([guest(folder, "swap", f"{light}swaps=2 aps=spin")] * 2, baton, "baton.rotate baton.deadline=20000", cpus,
                      memory, cpu, secure=secure, reset_ends=True, extra=list(extra), emulator=emulator)
    with Console(machine, log) as console:
        outcome = console.wait_off(240)
        text = console.transcript
    expect(not (found := first_failure(text)), found)
    expect(outcome.status == Status.OFF, outcome.sentence)
    expect("swap: generation 2 of 2" in text and CLEAN.search(text), "the last generation did not come to its end")


def each(log: Path, shapes: dict[str, dict]) -> None:
    """Runs all shapes, two at a time, and says of each that fails why."""
    def one(item: tuple[str, dict]) -> str | None:
        name, shape = item
        try:
            swapped(log.with_suffix(f".{name.replace('/', '-')}.log"), **shape)
        except TestFailure as failure:
            return f"{name}: {failure}"
        return None
    with ThreadPoolExecutor(AT_ONCE) as pool:
        failures = [failure for failure in pool.map(one, shapes.items()) if failure]
    expect(not failures, f"{len(failures)} of {len(shapes)} shapes: {'; '.join(failures)}")


def models(emulator: str) -> list[str]:
    """Those of the models that the emulator has."""
    known = subprocess.run([emulator, "-M", "virt", "-cpu", "help"], capture_output=True, text=True).stdout.split()
    found = [model for model in CPU_MODELS if model in known]
    expect("cortex-a53" in found and "max" in found, f"{emulator} lists no CPU models")
    return found


def every_model(log: Path) -> None:
    each(log, {model: {"cpu": model} for model in models(QEMU)})


def reduced_models(log: Path) -> None:
    each(log, {cpu: {"cpu": cpu} for cpu in REDUCED})


def counts(numbers: tuple[int, ...], log: Path) -> None:
    each(log, {f"{cpus} CPUs": {"cpus": cpus, "memory": "2G" if cpus > 128 else "1G"} for cpus in numbers})


def reserved(size: str) -> tuple[str, ...]:
    """Memory that is promised, and taken only where it is touched."""
    return ("-object", f"memory-backend-ram,id=ram,size={parse_size(size)},reserve=off", "-machine", "memory-backend=ram")


def nodes(*sizes: str) -> tuple[str, ...]:
    """A NUMA node for each size; CPU n is in node n."""
    words = []
    for number, size in enumerate(sizes):
        words += ["-object", f"memory-backend-ram,id=m{number},size={size},reserve=off",
                  "-numa", f"node,nodeid={number},cpus={number},memdev=m{number}"]
    return tuple(words)


def memories(log: Path) -> None:
    sizes = {size: {"memory": size, "extra": reserved(size)} for size in SIZES}
    banks = {"2 nodes": {"memory": "1G", "cpus": 2, "extra": nodes("256M", "768M")},
             "4 nodes": {"memory": "6G", "extra": nodes("1G", "2G", "512M", "2560M")},
             "8 nodes": {"memory": "8G", "cpus": 8, "extra": nodes(*["1G"] * 8)}}
    # Beyond 40 bits of physical address, as a large server has it.
    large = {"1T": {"memory": "1T", "cpu": "max", "extra": reserved("1T")},
             "1T in 2 nodes": {"memory": "1T", "cpu": "neoverse-n1", "cpus": 2, "extra": nodes("512G", "512G")}}
    each(log, sizes | banks | large)


def newest_emulator(log: Path) -> None:
    root = fetched("qemu-newest") / "usr"
    emulator = log.with_suffix(".qemu")
    emulator.parent.mkdir(parents=True, exist_ok=True)
    libraries = root / "lib" / "x86_64-linux-gnu"
    emulator.write_text(f'#!/bin/sh\nexec "{root}/lib64/ld-linux-x86-64.so.2" --library-path "{libraries}" '
                        f'"{root}/bin/{QEMU}" "$@"\n')
    emulator.chmod(0o755)
    shapes = {model: {"cpu": model, "emulator": str(emulator)} for model in models(str(emulator))}
    each(log, shapes | {"secure": {"emulator": str(emulator), "secure": True}})


def oldest_emulator(log: Path) -> None:
    """Its CPUs lack registers that the architecture asks for, debug claim tags among them."""
    emulator = str(fetched("qemu-oldest") / "usr" / "bin" / QEMU)
    version = subprocess.run([emulator, "--version"], capture_output=True, text=True).stdout
    expect("version 7.2" in version, f"Debian 12's own emulator is another than was thought: {version}")
    shapes = {model: {"cpu": model, "emulator": emulator} for model in models(emulator)}
    each(log, shapes | {"secure": {"emulator": emulator, "secure": True}})


TESTS = [
    Test("system/shapes/models", "all CPUs of each model are handed over", every_model),
    Test("system/shapes/reduced", "so are CPUs that lack an extension which their model has", reduced_models),
    Test("system/shapes/counts", f"so are {', '.join(map(str, COUNTS))} CPUs", partial(counts, COUNTS)),
    Test("system/shapes/many", f"so are {', '.join(map(str, MANY))} CPUs", partial(counts, MANY), soak=True, alone=True),
    Test("system/shapes/memory", "so are machines of 192 MiB to 1 TiB, in one bank and in eight", memories),
    Test("system/shapes/qemu-7.2", "so are CPUs of Debian 12's own QEMU, which lack registers", oldest_emulator),
    Test("system/shapes/qemu-newest", "so are CPUs of the newest QEMU in Debian", newest_emulator, soak=True),
]
