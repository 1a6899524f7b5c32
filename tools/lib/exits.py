# SPDX-License-Identifier: BSD-2-Clause
"""How often Debian leaves for Baton while it idles, computes, or is busy with devices: counted by a plugin of QEMU."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import plugin
from build import HYPERVISOR, baton_image
from console import Console, Shell
from errors import Stop
from linux import devices, linux, make_disk, power_off, wait_linux
from machine import Machine

SERIES = "6.12"
CPUS = 4
SECONDS = 10
VECTORS = "exception_vectors"
RUNS_AT = r"baton: Baton runs at 0x([0-9a-f]+),"
# What is done: the command that begins it on all CPUs.
WORK = {
    "idle": "true",
    "computing": f"for i in $(seq {CPUS}); do sha256sum /dev/zero & done",
    "disk and network": "(while :; do dd if=/dev/vda of=/dev/null bs=64k iflag=direct; done) >/dev/null 2>&1 & "
                        "ping -i 0.001 10.0.2.2 >/dev/null 2>&1 &",
}


@dataclass(frozen=True)
class Exits:
    """Of all CPUs together: a second, and in a million of executed instructions."""

    work: str
    synchronous: float
    interrupts: float
    per_million: float


def vectors(baton: Path, runs_at: int) -> int:
    elf = baton.with_suffix(".elf")
    done = subprocess.run(["llvm-nm-19", str(elf)], capture_output=True, text=True)
    found = [line.split()[0] for line in done.stdout.splitlines() if line.endswith(f" {VECTORS}")]
    if len(found) != 1:
        raise Stop(f"{elf} has no symbol {VECTORS}.")
    return runs_at + int(found[0], 16)


def measure(folder: Path) -> list[Exits]:
    baton = baton_image("release", HYPERVISOR)
    counts = folder / "exits.counts"
    disk = make_disk(folder / "exits.img")

    def machine(*options: str) -> Machine:
        return Machine([linux(SERIES)], baton, cpus=CPUS, reset_ends=True, extra=[*devices("pci", disk), *options])

    # Baton chooses its place by the machine, so another boot of the same one tells.
    with Console(machine(), folder / "exits-place.log") as console:
        runs_at = int(console.expect(RUNS_AT, 60)[1], 16)
    counting = plugin.options(counts, "exits", vectors=hex(vectors(baton, runs_at)))
    with Console(machine(*counting), folder / "exits.log") as console:
        shell = wait_linux(console, SERIES, CPUS)
        found = [window(shell, counts, work, command) for work, command in WORK.items()]
        power_off(console, shell)
    disk.unlink()
    return found


def window(shell: Shell, counts: Path, work: str, command: str) -> Exits:
    shell.run(f"{command}\nsleep 1")
    begin = last(counts)
    shell.run(f"sleep {SECONDS}", SECONDS * 6)
    end = last(counts)
    shell.run("kill $(jobs -p); wait", check=False)
    more = {name: end[name] - begin[name] for name in end}
    both = more["synchronous"] + more["interrupts"]
    return Exits(work, more["synchronous"] / more["at"], more["interrupts"] / more["at"],
                 both / more["instructions"] * 1e6)


def last(counts: Path) -> dict[str, float]:
    """The last whole line."""
    return json.loads(counts.read_text().rpartition("\n")[0].rpartition("\n")[2])
