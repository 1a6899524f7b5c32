# SPDX-License-Identifier: BSD-2-Clause
"""One restart of Debian into a stamped kernel, by Linux's kexec or above Baton: how long it took, and its parts."""

import re
from dataclasses import dataclass
from pathlib import Path

import debian
from build import BUILD, HYPERVISOR, baton_image
from console import Console, Shell
from errors import Stop
from initrd import initrd
from linux import devices, linux, make_disk, power_off, wait_linux
from linux_tools import BATONCTL, MODULE_IN_INITRD, linux_tools
from machine import Machine
from options import LINUX_APPEND
from programs import kexec
from report import Handover, handovers
from stamped import stamped

SERIES = "6.12"
RESTART, STAMP = "tests/bench/restart", "tests/bench/stamp.bin"
MEMORY = "4G"
DISK_MEGABYTES = 96
# A busy build machine is no reason to lose a CPU.
OPTIONS = "baton.report baton.deadline=20000"
LOAD_SECONDS = 240
RESTART_SECONDS = 240
ANNOUNCED = re.compile(r"\[ *([\d.]+)\] restart: now (\d+), at (\d+) of (\d+) a second")
STAMPED = re.compile(r"stamp: 0x([0-9a-f]{16})")
MESSAGE = re.compile(r"^\[ *([\d.]+)\] (.*)$", re.MULTILINE)
REAL_TIME = re.compile(r"^real\s+(\d+)m ([\d.]+)s$", re.MULTILINE)


@dataclass(frozen=True)
class Way:
    """
    name: for tables. how: tests/bench/restart.c's word. load: the command, to which the kernel's command line is added.
    loud: the kernel's messages are shown on the console as it goes down, so that they tell its steps apart.
    """

    name: str
    how: str
    load: str
    above_baton: bool
    loud: bool = False


KEXEC_LOAD = "kexec -l /mnt/kernel --initrd=/mnt/initrd"
BATON_LOAD = "batonctl load --kernel /mnt/kernel --initrd /mnt/initrd"
DEFAULT = Way("kexec -e", "kexec", KEXEC_LOAD, above_baton=False, loud=True)
BEST = Way("kexec -e, --no-checks", "kexec", f"{KEXEC_LOAD} --no-checks", above_baton=False)
REBOOT = Way("Baton, reboot", "reboot", BATON_LOAD, above_baton=True)
HYPERCALL = Way("Baton, hypercall", "hypercall", BATON_LOAD, above_baton=True)
WAYS = (DEFAULT, BEST, REBOOT, HYPERCALL)


@dataclass(frozen=True)
class Restart:
    """Milliseconds, from the call that restarts. messages: when Linux said what; loads: seconds of each load."""

    total: float
    messages: dict[str, float]
    handover: Handover | None
    loads: list[float]


class Board:
    """What all restarts have in common: the initrd, and a disk with the next kernel and its initrd."""

    def __init__(self, folder: Path, goes_on: bool):
        """goes_on: the next kernel boots after its stamp; otherwise the machine is switched off."""
        self.goes_on = goes_on
        self.baton = baton_image("release", HYPERVISOR, BATONCTL, RESTART, STAMP)
        self._disk = folder / "disk.img"
        kernel = debian.kernel(SERIES)
        release = BUILD / "release"
        image = stamped(kernel.image, release / STAMP, folder / "next.Image", goes_on)
        make_disk(self._disk, DISK_MEGABYTES, {"kernel": image, "initrd": initrd(kernel)})
        image.unlink()
        self._tools = kexec() | linux_tools(SERIES) | {"bin/restart": release / RESTART}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._disk.unlink()

    def restart(self, way: Way, cpus: int, log: Path) -> Restart:
        machine = Machine([linux(SERIES, extra=self._tools)], self.baton if way.above_baton else None, OPTIONS, cpus, MEMORY,
                          reset_ends=True, extra=devices("pci", self._disk))
        with Console(machine, log) as console:
            shell = wait_linux(console, SERIES, cpus)
            loads = self._load(shell, way)
            shell.run(f"cd /; umount /mnt; dmesg -n {8 if way.loud else 4}")
            shell.type(f"restart {way.how}")
            announced = console.expect(ANNOUNCED.pattern, 60)
            stamp = console.expect(STAMPED.pattern, RESTART_SECONDS)
            if self.goes_on:
                power_off(console, wait_linux(console, SERIES, cpus))
            else:
                console.wait_off(60)
        text = console.transcript
        reports = handovers(text)
        if way.above_baton and [report.lost for report in reports] != [0]:
            raise Stop(f"Baton reported {reports} of one handover: see {log}.")
        return Restart(*since_call(announced, stamp, text), reports[0] if reports else None, loads)

    def _load(self, shell: Shell, way: Way) -> list[float]:
        """Seconds, first without the files in the page cache, then with."""
        if way.above_baton:
            shell.run(f"insmod /{MODULE_IN_INITRD}")
        option = "--append" if way.above_baton else "--command-line"
        shell.run("echo 3 >/proc/sys/vm/drop_caches")
        return [seconds(shell.run(f"time sh -c '{way.load} {option}={LINUX_APPEND} 2>/dev/null'", LOAD_SECONDS)) for _ in range(2)]


def seconds(text: str) -> float:
    minutes, rest = REAL_TIME.search(text).groups()
    return 60 * int(minutes) + float(rest)


def since_call(announced: re.Match, stamp: re.Match, text: str) -> tuple[float, dict[str, float]]:
    """The counter is the clock. Linux's log has it, too, with another beginning: the announcement tells both."""
    now, call, frequency = map(int, announced.groups()[1:])
    begin = float(announced.group(1)) + (call - now) / frequency
    messages = {what.strip(): (float(at) - begin) * 1000
                for at, what in MESSAGE.findall(text[announced.end() : stamp.start()])}
    return (int(stamp.group(1), 16) - call) / frequency * 1000, messages
