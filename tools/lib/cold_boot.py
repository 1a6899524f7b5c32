# SPDX-License-Identifier: BSD-2-Clause
"""What a kernel warns of when it is the first one above Baton: what comes after it has to do no worse."""

from functools import cache
from threading import Lock

from build import baton_image
from console import Console
from linux import devices, linux, make_disk, power_off, wait_linux, warnings
from machine import Machine
from paths import BUILD

ONE_AT_A_TIME = Lock()


def cold_warnings(series: str, cpus: int) -> set[str]:
    """Boots it once in a process, whoever asks."""
    with ONE_AT_A_TIME:
        return cold_boot(series, cpus)


@cache
def cold_boot(series: str, cpus: int) -> set[str]:
    log = BUILD / "log" / f"system-cold-{series}-{cpus}.log"
    disk = make_disk(log.with_suffix(".img"))
    machine = Machine([linux(series)], baton_image("debug"), cpus=cpus, reset_ends=True, extra=devices("pci", disk))
    with Console(machine, log) as console:
        shell = wait_linux(console, series, cpus)
        found = warnings(shell)
        power_off(console, shell)
    disk.unlink()
    return found
