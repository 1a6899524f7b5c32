# SPDX-License-Identifier: BSD-2-Clause
"""Reads the lines in which Baton reports a handover, and makes a table of them."""

import re
from dataclasses import dataclass

NUMBER = r"(\d+(?:\.\d+)?)"
HANDOVER = re.compile(rf"baton: handover (\d+): (\w+), (\d+) CPUs, (\d+) lost, blackout {NUMBER} us "
                      rf"\(drain {NUMBER} gather {NUMBER} takedown {NUMBER} enter {NUMBER}\)")
SLOWEST = re.compile(rf"baton: handover (\d+): slowest CPU (\d+), step (\S+), {NUMBER} us")
LOST = re.compile(r"baton: handover (\d+): lost CPU (\d+)")


@dataclass
class Handover:
    """Times in microseconds; blackout: from the exec to the first instruction of the next kernel."""

    number: int
    walk: str
    cpus: int
    lost: int
    blackout: float
    drain: float
    gather: float
    takedown: float
    enter: float
    slowest_cpu: int | None = None
    slowest_step: str = ""
    slowest_time: float = 0.0


def handovers(console: str) -> list[Handover]:
    found = {}
    for match in HANDOVER.finditer(console):
        number, walk, cpus, lost, *times = match.groups()
        found[number] = Handover(int(number), walk, int(cpus), int(lost), *map(float, times))
    for match in SLOWEST.finditer(console):
        number, cpu, step, time = match.groups()
        if number in found:
            found[number].slowest_cpu, found[number].slowest_step, found[number].slowest_time = int(cpu), step, float(time)
    return list(found.values())


def table(handover: Handover) -> str:
    rows = [
        ("CPUs", f"{handover.cpus}" + (f" ({handover.lost} lost)" if handover.lost else "")),
        ("walk", handover.walk),
        ("blackout", microseconds(handover.blackout)),
        ("  1 drain", microseconds(handover.drain)),
        ("  2 gather", microseconds(handover.gather)),
        ("  3 take down", microseconds(handover.takedown)),
        ("  enter", microseconds(handover.enter)),
    ]
    if handover.slowest_cpu is not None:
        rows.append(("slowest CPU", f"{handover.slowest_cpu}, in step {handover.slowest_step}: "
                                    f"{handover.slowest_time:,.1f} us"))
    return "".join(f"{name:<16}{value}\n" for name, value in rows)


def microseconds(value: float) -> str:
    return f"{value:>12,.1f} us"
