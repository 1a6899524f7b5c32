# SPDX-License-Identifier: BSD-2-Clause
"""perf events in Debian: counters and their overflow interrupts work in a kernel and in the one that follows it."""

import re
from pathlib import Path

from build import baton_image
from cold_boot import cold_warnings
from console import Console, Shell
from linux import devices, linux, make_disk, power_off, release, wait_linux, warnings
from machine import Machine
from report import handovers
from testing import Test, expect, run_command

CPUS = 4
SOURCE = Path(__file__).with_name("perf.c")


def program(log: Path) -> Path:
    perf = log.with_suffix(".perf")
    run_command(["clang-19", "--target=aarch64-linux-gnu", "-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-ffreestanding",
                 "-nostdlib", "-static", "-fuse-ld=lld", "-o", str(perf), str(SOURCE)], log, 60)
    return perf


def interrupts(shell: Shell) -> list[int]:
    line = shell.run("grep -i pmu /proc/interrupts", timeout=60)
    return [int(word) for word in line.split()[1 : CPUS + 1]]


def check_perf(shell: Shell, life: str) -> None:
    before = interrupts(shell)
    text = shell.run("/bin/counts", timeout=240)
    working = re.findall(r"perf: CPU (\d+) counts and samples", text)
    expect(len(working) == CPUS, f"{life}: perf works on the CPUs {working} of {CPUS}: {text[-200:]}")
    more = [after - was for was, after in zip(before, interrupts(shell))]
    expect(all(count > 0 for count in more), f"{life}: overflow interrupts of the CPUs: {more}")


def across_a_swap(log: Path) -> None:
    """`reboot` while every CPU counts and samples; in the next kernel no interrupt comes before somebody counts."""
    extra = {"bin/counts": program(log)}
    disk = make_disk(log.with_suffix(".img"))
    machine = Machine([linux("6.1", extra=extra), linux("6.12", extra=extra)], baton_image("debug"), "baton.report", CPUS,
                      reset_ends=True, extra=devices("pci", disk))
    with Console(machine, log) as console:
        shell = wait_linux(console, "6.1", CPUS)
        check_perf(shell, "6.1")
        shell.run("/bin/counts forever", timeout=60)
        shell.run("sleep 2", timeout=60)
        shell.type("reboot -f -n")
        shell = wait_linux(console, "6.12", CPUS)
        stale = interrupts(shell)
        expect(not any(stale), f"overflow interrupts in 6.12 before anybody counts: {stale}")
        check_perf(shell, "6.12")
        new = warnings(shell) - cold_warnings("6.12", CPUS)
        expect(not new, f"after the swap Linux {release('6.12')} warns, and not after a cold boot: {sorted(new)}")
        power_off(console, shell)
        found = handovers(console.transcript)
    disk.unlink()
    expect(len(found) == 1 and found[0].lost == 0, f"Baton reported {found}")


TESTS = [Test("system/perf", "perf events count and sample on every CPU in 6.1 and, after a `reboot` amid them, in 6.12",
              across_a_swap)]
