# SPDX-License-Identifier: BSD-2-Clause
"""
perf events in Debian: counters and their overflow interrupts work in a kernel and in the one that follows it, each CPU's
own and those that a cluster's CPUs share.
"""

import re
from pathlib import Path

import debian
from build import baton_image
from cold_boot import cold_warnings
from console import Console, Shell
from linux import devices, linux, make_disk, power_off, release, wait_linux, warnings
from machine import Guest, Machine
from modules import load_order
from report import handovers
from testing import Test, expect, run_command

# Two clusters of Baton's making, of four CPUs and of two.
CPUS = 6
CLUSTERS = {"arm_dsu_0": "0-3", "arm_dsu_1": "4-5"}
# A kernel's warnings do not depend on how many CPUs there are; on so many other tests look, too.
COLD_CPUS = 4
DSU = "arm_dsu_pmu"
EVENTS = "/sys/bus/event_source/devices"
SOURCE = Path(__file__).with_name("perf.c")


def program(log: Path) -> Path:
    perf = log.with_suffix(".perf")
    run_command(["clang-19", "--target=aarch64-linux-gnu", "-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-ffreestanding",
                 "-nostdlib", "-static", "-fuse-ld=lld", "-o", str(perf), str(SOURCE)], log, 60)
    return perf


def kernel(series: str, log: Path) -> Guest:
    """With our program, and Debian's driver for DSUs."""
    files = {"bin/counts": program(log)}
    for name, data in load_order(debian.kernel(series).modules, [DSU]):
        file = log.with_suffix(f".{series}.{name}.ko")
        file.write_bytes(data)
        files[f"lib/{name}.ko"] = file
    return linux(series, extra=files)


def interrupts(shell: Shell, of: str = r"arm-pmu\|arm_pmu") -> list[int]:
    lines = shell.run(f"grep '{of}' /proc/interrupts", timeout=60).splitlines()
    expect(len(lines) > 0, f"/proc/interrupts has no {of}")
    return [int(word) for line in lines for word in line.split()[1 : CPUS + 1]]


def check_perf(shell: Shell, life: str) -> None:
    before = interrupts(shell)
    text = shell.run("/bin/counts", timeout=240)
    working = re.findall(r"perf: CPU (\d+) counts and samples", text)
    expect(len(working) == CPUS, f"{life}: perf works on the CPUs {working} of {CPUS}: {text[-200:]}")
    more = [after - was for was, after in zip(before, interrupts(shell))]
    expect(all(count > 0 for count in more), f"{life}: overflow interrupts of the CPUs: {more}")


def event_type(shell: Shell, unit: str) -> int:
    return int(shell.run(f"cat {EVENTS}/{unit}/type"))


def context_cpu(shell: Shell, unit: str) -> int:
    """The CPU that has the context of a cluster."""
    return int(shell.run(f"cat {EVENTS}/{unit}/cpumask"))


def check_clusters(shell: Shell, life: str) -> None:
    """The driver finds the clusters, and their events count. No interrupt of theirs has come."""
    shell.run(f"insmod /lib/{DSU}.ko", timeout=60)
    for unit, cpus in CLUSTERS.items():
        found = shell.run(f"cat {EVENTS}/{unit}/associated_cpus").strip()
        expect(found == cpus, f"{life}: {unit} has the CPUs {found}, and should have {cpus}")
        cpu = context_cpu(shell, unit)
        shell.run(f"/bin/counts cluster {event_type(shell, unit)} {cpu}", timeout=120)
    came = interrupts(shell, "arm_dsu")
    expect(not any(came), f"{life}: interrupts of the clusters that nobody asked for: {came}")


def check_move(shell: Shell) -> None:
    """The CPU that has a cluster's context goes off while it counts: another one of the cluster goes on."""
    unit = list(CLUSTERS)[-1]
    before = context_cpu(shell, unit)
    file = f"/sys/devices/system/cpu/cpu{before}/online"
    shell.run(f"/bin/counts cluster {event_type(shell, unit)} {before} {file}", timeout=120)
    after = context_cpu(shell, unit)
    expect({before, after} == {4, 5}, f"the context of {unit} went from CPU {before} to {after}")
    shell.run(f"echo 1 >{file}", timeout=60)


def leave_counting(shell: Shell) -> None:
    """All counters are at work, and the clock's alarm goes off soon: who comes next finds nothing of it."""
    for unit in CLUSTERS:
        shell.run(f"(/bin/counts cluster {event_type(shell, unit)} {context_cpu(shell, unit)} forever &)", timeout=60)
    shell.run("/bin/counts forever", timeout=60)
    shell.run("sleep 2; echo +2 >/sys/class/rtc/rtc0/wakealarm", timeout=60)


def across_a_swap(log: Path) -> None:
    """`reboot` while every CPU counts and samples; in the next kernel no interrupt comes before somebody counts."""
    disk = make_disk(log.with_suffix(".img"))
    machine = Machine([kernel("6.1", log), kernel("6.12", log)], baton_image("debug"), "baton.report baton.dsu=model", CPUS,
                      reset_ends=True, extra=devices("pci", disk))
    with Console(machine, log) as console:
        shell = wait_linux(console, "6.1", CPUS)
        check_perf(shell, "6.1")
        check_clusters(shell, "6.1")
        check_move(shell)
        leave_counting(shell)
        shell.type("reboot -f -n")
        shell = wait_linux(console, "6.12", CPUS)
        stale = interrupts(shell)
        expect(not any(stale), f"overflow interrupts in 6.12 before anybody counts: {stale}")
        check_perf(shell, "6.12")
        check_clusters(shell, "6.12")
        new = warnings(shell) - cold_warnings("6.12", COLD_CPUS)
        expect(not new, f"after the swap Linux {release('6.12')} warns, and not after a cold boot: {sorted(new)}")
        power_off(console, shell)
        found = handovers(console.transcript)
    disk.unlink()
    expect(len(found) == 1 and found[0].lost == 0, f"Baton reported {found}")


TESTS = [Test("system/perf", "perf events, of CPUs and of clusters, count in 6.1 and, after a `reboot` amid them, in 6.12",
              across_a_swap)]
