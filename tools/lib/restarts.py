# SPDX-License-Identifier: BSD-2-Clause
"""One restart of Debian into a stamped kernel, by Linux's kexec or above Baton: how long it took, and its parts."""

import contextlib
import os
import re
import time
from dataclasses import dataclass, replace
from pathlib import Path

import debian
from build import BUILD, HYPERVISOR, baton_image
from console import Console, Shell
from errors import Status, Stop
from initrd import initrd
from linux import devices, linux, make_disk, wait_linux
from linux_tools import BATONCTL, MODULE_IN_INITRD, linux_tools
from machine import Machine
from options import LINUX_APPEND
from programs import kexec
from qmp import Qmp
from report import HANDOVER, Handover, handovers
from stamped import stamped

SERIES = "6.12"
RESTART, STAMP = "tests/bench/restart", "tests/bench/stamp.bin"
MEMORY = "4G"
DISK_MEGABYTES = 96
# A busy build machine is no reason to lose a CPU.
OPTIONS = "baton.report baton.deadline=20000"
LOAD_SECONDS = 240
RESTART_SECONDS = 240
SAVE_SECONDS = 120
# A priority, as nice(1) counts.
FIRST_OF_ALL = -20
ANNOUNCED = re.compile(r"\[ *([\d.]+)\] restart: now (\d+), at (\d+) of (\d+) a second")
STAMPED = re.compile(r"stamp: 0x([0-9a-f]{16})")
MESSAGE = re.compile(r"^\[ *([\d.]+)\] (.*)$", re.MULTILINE)
REAL_TIME = re.compile(r"^real\s+(\d+)m ([\d.]+)s$", re.MULTILINE)


@dataclass(frozen=True)
class Load:
    """
    One load of the next kernel. command: to which the kernel's command line is added.
    loud: the kernel shows its messages on the console as it goes down, so that they tell its steps apart.
    """

    name: str
    command: str
    above_baton: bool
    loud: bool = False


@dataclass(frozen=True)
class Way:
    """how: tests/bench/restart.c's word for the restart."""

    name: str
    load: Load
    how: str


KEXEC = "kexec -l /mnt/kernel --initrd=/mnt/initrd"
BY_KEXEC = Load("kexec -l", f"{KEXEC} --command-line", above_baton=False, loud=True)
BY_KEXEC_UNCHECKED = Load("kexec -l --no-checks", f"{KEXEC} --no-checks --command-line", above_baton=False)
BY_BATONCTL = Load("batonctl load", "batonctl load --kernel /mnt/kernel --initrd /mnt/initrd --append", above_baton=True)
LOADS = (BY_KEXEC, BY_KEXEC_UNCHECKED, BY_BATONCTL)

DEFAULT = Way("kexec -e", BY_KEXEC, "kexec")
BEST = Way("kexec -e, --no-checks", BY_KEXEC_UNCHECKED, "kexec")
REBOOT = Way("Baton, reboot", BY_BATONCTL, "reboot")
HYPERCALL = Way("Baton, hypercall", BY_BATONCTL, "hypercall")
WAYS = (DEFAULT, BEST, REBOOT, HYPERCALL)


@dataclass(frozen=True)
class Loaded:
    """
    A machine that has booted and loaded the next kernel, as it was then: each restart begins there.
    seconds: of the load, with the files not in the page cache, and with them there.
    """

    machine: Machine
    state: Path
    seconds: tuple[float, float]

    def restart(self, way: Way, log: Path, wait: bool) -> "Restart":
        """wait: until the next kernel has come up."""
        machine = replace(self.machine, extra=[*self.machine.extra, "-incoming", f"file:{self.state}"])
        with Console(machine, log) as console, hurried(console.vm.process.pid):
            resume(console.vm.qmp)
            Shell(console).type(f"restart {way.how}")
            stamp = console.expect(STAMPED.pattern, RESTART_SECONDS)
            report = console.expect(HANDOVER.pattern, RESTART_SECONDS) if way.load.above_baton else None
            if wait:
                wait_linux(console, SERIES, self.machine.cpus)
        handover = handovers(report.group())[0] if report else None
        if handover and handover.lost:
            raise Stop(f"Baton lost CPUs in a handover: see {log}.")
        return Restart(*since_call(stamp, console.transcript), handover)


@dataclass(frozen=True)
class Restart:
    """Milliseconds, from the call that restarts. messages: when Linux said what."""

    total: float
    messages: dict[str, float]
    handover: Handover | None


class Board:
    """What all restarts have in common: the initrd, and a disk with the next kernel and its initrd."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._baton = baton_image("release", HYPERVISOR, BATONCTL, RESTART, STAMP)
        self._disk = folder / "disk.img"
        kernel = debian.kernel(SERIES)
        release = BUILD / "release"
        image = stamped(kernel.image, release / STAMP, folder / "next.Image")
        make_disk(self._disk, DISK_MEGABYTES, {"kernel": image, "initrd": initrd(kernel)})
        image.unlink()
        self._tools = kexec() | linux_tools(SERIES) | {"bin/restart": release / RESTART}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._disk.unlink()

    @contextlib.contextmanager
    def loaded(self, load: Load, cpus: int, log: Path):
        state = log.with_suffix(".state")
        machine = Machine([linux(SERIES, extra=self._tools)], self._baton if load.above_baton else None, OPTIONS, cpus, MEMORY,
                          reset_ends=True, extra=devices("pci", self._disk))
        try:
            with Console(machine, log) as console:
                shell = wait_linux(console, SERIES, cpus)
                if load.above_baton:
                    shell.run(f"insmod /{MODULE_IN_INITRD}")
                seconds = timed(shell, load), timed(shell, load)
                shell.run(f"cd /; umount /mnt; dmesg -n {8 if load.loud else 4}")
                save(console.vm.qmp, state)
            yield Loaded(machine, state, seconds)
        finally:
            state.unlink(missing_ok=True)


def timed(shell: Shell, load: Load) -> float:
    text = shell.run(f"time sh -c '{load.command}={LINUX_APPEND} 2>/dev/null'", LOAD_SECONDS)
    minutes, seconds = REAL_TIME.search(text).groups()
    return 60 * int(minutes) + float(seconds)


def save(qmp: Qmp, state: Path) -> None:
    """The machine as it is: with RAM, devices and CPUs. It stands still from then on."""
    qmp.command("stop")
    qmp.command("migrate-set-parameters", **{"max-bandwidth": 0})
    qmp.command("migrate", uri=f"file:{state}")
    if (status := settled(qmp, "query-migrate", ("none", "setup", "active", "device"))) != "completed":
        raise Stop(f"QEMU did not save the machine's state: {status}.", Status.QEMU)


def resume(qmp: Qmp) -> None:
    """It was saved while it stood still."""
    settled(qmp, "query-status", ("inmigrate",))
    qmp.command("cont")


def settled(qmp: Qmp, query: str, passing: tuple[str, ...]) -> str:
    deadline = time.monotonic() + SAVE_SECONDS
    while (status := qmp.command(query)["status"]) in passing and time.monotonic() < deadline:
        time.sleep(0.05)
    return status


@contextlib.contextmanager
def hurried(process: int):
    """On a busy machine the host's scheduler takes longer than a handover. Root may have a core for these seconds."""
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{process}/task").iterdir():
            os.setpriority(os.PRIO_PROCESS, int(thread.name), FIRST_OF_ALL)
        # Where the kernel gives each session its share, the priority counts only within it.
        Path("/proc/self/autogroup").write_text(str(FIRST_OF_ALL))
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            Path("/proc/self/autogroup").write_text("0")


def since_call(stamp: re.Match, text: str) -> tuple[float, dict[str, float]]:
    """The counter is the clock. Linux's log has it, too, with another beginning: the last announcement tells both."""
    announced = list(ANNOUNCED.finditer(text[: stamp.start()]))[-1]
    now, call, frequency = map(int, announced.groups()[1:])
    begin = float(announced.group(1)) + (call - now) / frequency
    messages = {what.strip(): (float(at) - begin) * 1000
                for at, what in MESSAGE.findall(text[announced.end() : stamp.start()])}
    return (int(stamp.group(1), 16) - call) / frequency * 1000, messages
