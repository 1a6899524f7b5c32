# SPDX-License-Identifier: BSD-2-Clause
"""Debian's arm64 packages as setup.sh has unpacked them into the cache."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from errors import Stop
from paths import CACHE

# For clouds: small, and with few drivers.
SERIES = ("6.1", "6.12")
# For every machine, as Debian's installer takes them. The newest is a later release's.
ALL_MACHINES = ("6.1-arm64", "6.12-arm64", "newest-arm64")
SETUP = Path(__file__).parent / "setup.sh"
BUSYBOX = CACHE / "debian" / "busybox" / "bin" / "busybox"
KEXEC_TOOLS = CACHE / "debian" / "kexec-tools"


@dataclass(frozen=True)
class Kernel:
    """One of Debian's kernels: series "6.1" or "6.1-arm64", release as `uname -r` prints it."""

    series: str
    release: str
    image: Path
    modules: Path


def fetched(name: str) -> Path:
    """The folder of what fetch_later.sh calls by that name; fetched now, if it was not before."""
    folder = CACHE / "debian" / name
    if not folder.exists() and subprocess.run([SETUP, name]).returncode != 0:
        raise Stop(f"Debian's {name} could not be fetched: see the message above.")
    return folder


def kernel(series: str) -> Kernel:
    name = f"linux-{series}"
    tree = fetched(name) if series in ALL_MACHINES else CACHE / "debian" / name
    # In /boot, or as a later release has it, beside its modules.
    images = [*tree.glob("boot/vmlinuz-*"), *tree.glob("usr/lib/modules/*/vmlinuz")]
    modules = [*tree.glob("lib/modules/*"), *tree.glob("usr/lib/modules/*")]
    if len(images) != 1 or len(modules) != 1:
        raise Stop(f"Debian's kernel {series} is not in the cache ({tree}). Remove that folder and run tools/lib/setup.sh.")
    return Kernel(series, modules[0].name, images[0], modules[0])
