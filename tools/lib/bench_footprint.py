# SPDX-License-Identifier: BSD-2-Clause
"""The bench footprint: what Baton takes of the machine, and what its boot adds, by the number of CPUs."""

import re
from pathlib import Path

from bench_result import Bench, Result, Table
from build import BUILD, HYPERVISOR, baton_image
from critical_path import ICOUNT, ICOUNT_CPU, run
from machine import Guest, Machine

GUEST = "tests/guests/entered.img"
CPUS = [1, 4, 80, 512]
QUICK_CPUS = [1, 80]
ENTERED = re.compile(r"^guest: entered: (\d+)$", re.MULTILINE)
OWN = re.compile(r"Baton's own (\d+) (\w+) at")


def boot(cpus: int, baton: Path | None, log: Path) -> str:
    image = BUILD / "release" / GUEST
    machine = Machine([Guest(image, None, "" if baton else "bare")], baton, "baton.slot=16M", cpus, "1G", ICOUNT_CPU,
                      single_thread=True, reset_ends=True, extra=ICOUNT)
    return run(machine, log)


def measure(folder: Path, quick: bool) -> Result:
    baton = baton_image("release", HYPERVISOR, GUEST)
    rows = []
    for cpus in QUICK_CPUS if quick else CPUS:
        alone = boot(cpus, None, folder / f"bare-{cpus}.log")
        above = boot(cpus, baton, folder / f"baton-{cpus}.log")
        number, unit = OWN.search(above).groups()
        rows.append([str(cpus), f"{number} {unit}", entered(above) - entered(alone)])
    notes = [f"The image, baton.img, has {baton.stat().st_size:,} bytes (release build). Boot: what lies between the machine's "
             "first instruction and the kernel's first line, less the same on the bare machine; all CPUs' instructions, as "
             "they come up. The two slots come on top of Baton's own memory: one is the guest's."]
    return Result([Table("Footprint", ["CPUs", "Baton's own memory", "boot, instructions"], rows, notes)])


def entered(console: str) -> int:
    return int(ENTERED.search(console).group(1))


BENCH = Bench("footprint", "Baton's image, memory and boot", measure)
