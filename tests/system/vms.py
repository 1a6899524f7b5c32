# SPDX-License-Identifier: BSD-2-Clause
"""
Two Debian VMs on one machine, each with half of its CPUs and a disk and a network card of its own: the host VM, with
both on PCI, and VM a, with both on virtio-mmio. One is replaced while the other works.
"""

import json
import re
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import debian
from build import baton_image
from console import Console
from initrd import initrd
from linux import (boot_seconds, check_cpus, check_disk, check_files, check_msis, check_network, devices, linux, make_disk,
                   power_off, release, warnings)
from linux_tools import MODULE_IN_INITRD, linux_tools, module
from machine import Machine
from modules import load_order
from paths import ROOT
from testing import Test, expect, run_command
from vm_console import View, Views, VmShell
from vms import HOST, SharedMemory, VmSpec

KERNELS = ("6.1", "6.12")
CPUS = 8
# Handovers by which the first kernel came: a VM that was off is started by one.
STARTS = {HOST: 0, "a": 1}
CPUS_EACH = 4
A_CPUS = "4-7"
A_MEMORY = "512M"
# QEMU puts the first virtio device on the last of the board's transports.
A_DEVICES = ["/virtio_mmio@a003e00", "/virtio_mmio@a003c00"]
INSMOD = f"insmod /{MODULE_IN_INITRD}"
LOAD_SECONDS = 120
ROUND_SECONDS = 120
# Of the working VM's clock. A build machine with two cores lets a CPU of QEMU's wait for long.
LONGEST_GAP = 10.0
CLOCK_TOLERANCE = 10.0

# Round after round the disk's files are read and checked; a second loop notes the longest time, in 1/100 s, in which it
# did not get on.
WORK = r"""#!/bin/busybox sh
up() { read -r now _ </proc/uptime; echo "${now%.*}${now#*.}"; }
(
    longest=0
    last=$(up)
    while usleep 50000; do
        now=$(up)
        [ $((now - last)) -gt $longest ] && longest=$((now - last)) && echo $longest >/tmp/gap
        last=$now
    done
) &
(
    round=0
    while sleep 1; do
        echo 3 >/proc/sys/vm/drop_caches
        (cd /mnt && sha256sum -c SHA256SUMS >/dev/null 2>&1) && sums=good || sums=BAD
        round=$((round + 1))
        echo "work: round $round, sums $sums, up $(up), gap $(cat /tmp/gap)"
    done
) &
"""
# Behind the prompt, if that comes first.
PROMPT = r"^(?:# )?"
ROUND = PROMPT + r"work: round (\d+), sums (\w+), up (\d+), gap (\d+)$"

# What a VM is told that may do nothing to others.
ASK = f"""#!/bin/busybox sh
{INSMOD}
batonctl status
for words in "start {HOST}" "stop {HOST}" "exec --vm {HOST}" "unload --vm a" "load --vm a --kernel /init"; do
    batonctl $words 2>&1
    echo "asked: $words: status $?"
done
"""
ASKED = 5

ANSWER = f"""#!/bin/busybox sh
insmod /lib/modules/uio.ko
insmod /lib/modules/baton_shared.ko
{INSMOD}
doorbell answer &
"""
QUESTIONS = 1000


class Exit:
    """batonctl's exit statuses, as its help lists them."""

    DONE, FAILED, USAGE, NO_BATON, NOT_ALLOWED, NOTHING_STAGED, BUSY, LATE = range(8)


def other(name: str) -> str:
    return "a" if name == HOST else HOST


def script(log: Path, name: str, text: str) -> dict[str, Path]:
    """For an initrd: it is run there at the end of the boot."""
    path = log.with_suffix(f".{name}.rc")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return {"etc/rc.local": path}


def make_disks(log: Path, **of_host) -> dict[str, Path]:
    return {HOST: make_disk(log.with_suffix(".host.img"), **of_host), "a": make_disk(log.with_suffix(".a.img"))}


def machine(host: list, a: list, disks: dict[str, Path], options: str = "", connected: str = HOST, **board) -> Machine:
    """host, a: their guests."""
    vm = VmSpec("a", A_CPUS, A_MEMORY, a, devices=A_DEVICES)
    extra = devices("pci", disks[HOST]) + devices("mmio", disks["a"], "a")
    return Machine(host, baton_image("debug"), f"baton.report baton.deadline=10000 {options}".strip(), CPUS, reset_ends=True,
                   extra=extra, vms=[vm], console=connected, **board)


@contextmanager
def running(what: Machine, log: Path, connected: str = HOST):
    """Gives (console, shell of the connected VM, view of the other one)."""
    with Console(what, log) as console:
        views = Views(console, connected, [other(connected)])
        yield console, VmShell(views[connected]), views[other(connected)]


def wait_shell(shell: VmShell, series: str) -> None:
    booted, online = shell.wait(boot_seconds(CPUS))
    expect(booted == release(series), f"Linux {booted} came up, expected was {release(series)}")
    expect(online == CPUS_EACH, f"Linux {booted} has {online} of {CPUS_EACH} CPUs online")
    check_cpus(shell, CPUS_EACH)


def wait_boot(view: View, series: str, append: str | None = None) -> None:
    """The other VM's kernel comes up, on all of its CPUs."""
    match = view.expect(r"^guest: Linux (\S+) on (\d+) CPUs", boot_seconds(CPUS))
    expect(match.groups() == (release(series), str(CPUS_EACH)),
           f"Linux {match[1]} came up on {match[2]} CPUs, expected was {release(series)} on {CPUS_EACH}")
    if append is not None:
        line = view.expect(r"^guest: command line: (.*)$", 60)[1]
        expect(line == append, f"the other VM's command line is '{line}', expected was '{append}'")


def batonctl(shell: VmShell, arguments: str, status: int = Exit.DONE, says: str = "", timeout: float = LOAD_SECONDS) -> str:
    """Runs batonctl and judges exit status and words."""
    got, text = shell.call(f"batonctl {arguments} 2>&1", timeout)
    expect(got == status, f"'batonctl {arguments}' ended with status {got}, expected was {status}: {text.strip()[-300:]}")
    words = " ".join(text.split())
    expect(says in words, f"'batonctl {arguments}' does not say '{says}' but: {words[-300:]}")
    return text


def check_row(shell: VmShell, number: int, name: str, state: str, online: int, staged: str) -> None:
    text = batonctl(shell, "status")
    row = rf"^ *{number} +{name} +{state} +{online}/{CPUS_EACH} +[\d.]+ [MG]iB +{staged} +\d+$"
    expect(re.search(row, text, re.MULTILINE) is not None, f"no row of the table is like '{row}':\n{text}")


def check_json(shell: VmShell) -> None:
    text = batonctl(shell, "status --json")
    status = json.loads(text[text.index("{") : text.rindex("}") + 1])
    expect(status["cpus"] == CPUS_EACH, f"status --json tells of {status['cpus']} CPUs of the host VM")
    vms = [(vm["number"], vm["name"], vm["state"], vm["online"]) for vm in status["vms"]]
    expect(vms == [(0, HOST, "running", CPUS_EACH), (1, "a", "running", CPUS_EACH)], f"status --json lists {vms}")


def check_asked(view: View) -> None:
    """What the script ASK was told in VM a."""
    view.expect(r"^VM +a, number 1: not the host VM$", 60)
    for _ in range(ASKED):
        view.expect(r"^batonctl: This is VM a, and the host VM alone may", 60)
        status = view.expect(r"^asked: (.*): status (\d+)$", 60)
        expect(int(status[2]) == Exit.NOT_ALLOWED, f"in VM a 'batonctl {status[1]}' ended with status {status[2]}")


def control(log: Path) -> None:
    """The host VM lists VM a, replaces its kernel, stops and starts it. VM a may do nothing of that."""
    files = {"vmlinuz": debian.kernel("6.1").image, "initrd": initrd(debian.kernel("6.1"))}
    disks = make_disks(log, megabytes=96, extra=files)
    load = "load --vm {} --kernel /mnt/vmlinuz --initrd /mnt/initrd --append='console=ttyAMA0 life={}'"
    what = machine([linux("6.1", extra=linux_tools("6.1"))],
                   [linux("6.12", extra=linux_tools("6.12") | script(log, "a", ASK))], disks)
    with running(what, log) as (console, shell, a):
        wait_shell(shell, "6.1")
        wait_boot(a, "6.12")
        check_asked(a)
        shell.run(INSMOD)
        check_row(shell, 0, HOST, "running", CPUS_EACH, "nothing")
        check_row(shell, 1, "a", "running", CPUS_EACH, "nothing")
        check_json(shell)
        for words in ("start nobody", "exec --vm nobody", load.format("nobody", 1)):
            batonctl(shell, words, Exit.FAILED, f"There is no VM 'nobody'. There is {HOST}, a.")
        for words in ("stop 0", f"exec --vm {HOST}", "unload --vm 0"):
            batonctl(shell, words, Exit.USAGE, f"VM {HOST} is this one")
        batonctl(shell, "exec --vm a", Exit.NOTHING_STAGED, "Nothing is staged for VM a")
        batonctl(shell, "start a", says="VM a runs already")
        # Dropped, and then staged anew and started in the VM that runs.
        batonctl(shell, load.format("a", 1), says="staged for VM a: ")
        check_row(shell, 1, "a", "running", CPUS_EACH, "kernel")
        batonctl(shell, "status", says="`reboot` is a real reset")
        batonctl(shell, "unload --vm a")
        check_row(shell, 1, "a", "running", CPUS_EACH, "nothing")
        batonctl(shell, load.format("1", 2), says="staged for VM 1: ")
        batonctl(shell, "exec --vm a", says=f"VM a: handover {STARTS['a'] + 1}, {CPUS_EACH} CPUs, 0 lost, blackout ")
        wait_boot(a, "6.1", "console=ttyAMA0 life=2")
        # In a VM that is off.
        batonctl(shell, "stop a", says="VM a is off")
        check_row(shell, 1, "a", "off", 0, "nothing")
        batonctl(shell, "stop a", says="VM a is off already")
        batonctl(shell, load.format("a", 3))
        batonctl(shell, "exec --vm 1", says="VM a: handover ")
        wait_boot(a, "6.1", "console=ttyAMA0 life=3")
        # Started with what is staged for it.
        batonctl(shell, "stop 1", says="VM a is off")
        batonctl(shell, load.format("a", 4))
        batonctl(shell, "start a", says="VM a runs")
        wait_boot(a, "6.1", "console=ttyAMA0 life=4")
        check_row(shell, 1, "a", "running", CPUS_EACH, "nothing")
        check_files(shell)
        check_network(shell)
        power_off(console, shell)
    for disk in disks.values():
        check_disk(disk)
        disk.unlink()


class Worker:
    """The VM that works while the other one is replaced."""

    def __init__(self, view: View):
        self._view = view
        self._wait()
        self._begin = self._clock()

    def wait_round(self) -> None:
        """A round that begins from now on is done: the next may have been begun before."""
        self._wait()
        self._wait()

    def _wait(self) -> re.Match:
        self._view.skip()
        return self._view.expect(ROUND, ROUND_SECONDS)

    def _clock(self) -> tuple[float, float]:
        """The VM's time and ours, in seconds."""
        return int(self._wait()[3]) / 100, time.monotonic()

    def judge(self) -> None:
        """It has gone on all the time, in one life, with its files intact and its clock right."""
        theirs, ours = (end - begin for begin, end in zip(self._begin, self._clock()))
        expect(abs(theirs - ours) < CLOCK_TOLERANCE, f"in {ours:.1f} s the working VM's clock went on by {theirs:.1f} s")
        rounds = [tuple(match) for match in re.findall(ROUND, self._view.transcript, re.MULTILINE)]
        expect([int(number) for number, *_ in rounds] == list(range(1, len(rounds) + 1)), "the working VM has left rounds out")
        expect(all(sums == "good" for _, sums, *_ in rounds), "the working VM has found its files damaged")
        longest = int(rounds[-1][3]) / 100
        expect(longest < LONGEST_GAP, f"the working VM stood still for {longest:.2f} s")


def swaps(count: int, swapped: str, log: Path) -> None:
    """`reboot` in one VM, again and again; each life checks what the one before it wrote, and writes anew."""
    working = other(swapped)
    first = {HOST: 0, "a": 1}
    order = {name: [KERNELS[start], KERNELS[1 - start]] for name, start in first.items()}
    disks = make_disks(log)
    guests = {working: [linux(order[working][0], extra=script(log, working, WORK))],
              swapped: [linux(series, extra=linux_tools(series)) for series in order[swapped]]}
    what = machine(guests[HOST], guests["a"], disks, "baton.rotate", swapped)
    known: dict[str, set[str]] = {}
    with running(what, log, swapped) as (console, shell, view):
        wait_shell(shell, order[swapped][0])
        known[order[swapped][0]] = warnings(shell)
        worker = Worker(view)
        for number in range(1, count + 1):
            shell.run(f"dd if=/dev/urandom of=/mnt/file{number % 10} bs=32k count=20; cd /mnt && "
                      "sha256sum file* >SHA256SUMS && sync", timeout=120)
            shell.type("reboot")
            series = order[swapped][number % 2]
            wait_shell(shell, series)
            check_files(shell)
            check_network(shell)
            if swapped == HOST:
                check_msis(shell)
            found = warnings(shell)
            new = found - known.setdefault(series, found)
            expect(not new, f"after swap {number} Linux {release(series)} warns, and not in its first life: {sorted(new)}")
            worker.wait_round()
        shell.run(INSMOD)
        batonctl(shell, "status", says=f"number {STARTS[swapped] + count}: {CPUS_EACH} CPUs, 0 lost")
        worker.judge()
        if swapped == HOST:
            power_off(console, shell)
        else:
            shell.type("poweroff")
            worker.wait_round()
    for disk in disks.values():
        check_disk(disk)
        disk.unlink()


def shared_tools(series: str, log: Path) -> dict[str, Path]:
    """Modules and the program for shared memory."""
    program = log.with_suffix(".doorbell")
    run_command(["clang-19", "--target=aarch64-linux-gnu", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O2", "-static",
                 "-fuse-ld=lld", f"-I{ROOT}", "-o", str(program), str(ROOT / "tests" / "system" / "doorbell.c")], log, 60)
    files = {"bin/doorbell": program, "lib/modules/baton_shared.ko": module(series, "baton_shared")}
    for name, data in load_order(debian.kernel(series).modules, ["uio"]):
        path = log.with_suffix(f".{series}.{name}.ko")
        path.write_bytes(data)
        files[f"lib/modules/{name}.ko"] = path
    return files | linux_tools(series)


def ask(shell: VmShell, view: View, count: int) -> None:
    view.expect(PROMPT + "doorbell: listening$", boot_seconds(CPUS))
    shell.run(f"doorbell ask {count} | grep '{count} questions answered'", 60 + count)


def doorbell(log: Path) -> None:
    """Questions from the host VM to VM a and answers, through shared memory and by doorbells; again after VM a was off."""
    disks = make_disks(log)
    what = machine([linux("6.1", extra=shared_tools("6.1", log))],
                   [linux("6.12", extra=shared_tools("6.12", log) | script(log, "a", ANSWER))], disks,
                   shared=[SharedMemory("slate", "2M", (HOST, "a"))])
    with running(what, log) as (console, shell, a):
        wait_shell(shell, "6.1")
        shell.run(f"insmod /lib/modules/uio.ko && insmod /lib/modules/baton_shared.ko && {INSMOD}")
        ask(shell, a, QUESTIONS)
        rings = shell.run("cat /sys/class/uio/uio0/event")
        expect(int(rings.split()[0]) > 0, "nobody has rung the host VM")
        batonctl(shell, "stop a")
        status, _ = shell.call("timeout 2 doorbell ask 1")
        expect(status != 0, "a VM that is off has answered")
        batonctl(shell, "start a")
        ask(shell, a, QUESTIONS // 10)
        power_off(console, shell)
    for disk in disks.values():
        disk.unlink()


TESTS = [
    Test("system/vms/control", "the host VM lists, loads, starts and stops the other VM, which may do nothing of that", control,
         alone=True),
    *(Test(f"system/vms/swap/{name}", f"three times `reboot` in VM {name}, with its files intact, while the other VM checks its "
           "own and its clock", partial(swaps, 3, name), alone=True) for name in (HOST, "a")),
    *(Test(f"system/vms/hundred/{name}", "the same a hundred times", partial(swaps, 100, name), soak=True, alone=True)
      for name in (HOST, "a")),
    Test("system/vms/doorbell", "two Debian VMs share memory and ring each other, by UIO", doorbell, alone=True),
]
