# SPDX-License-Identifier: BSD-2-Clause
"""Debian's arm64 packages as setup.sh has unpacked them into the cache."""

from dataclasses import dataclass
from pathlib import Path

from errors import Stop
from paths import CACHE

SERIES = ("6.1", "6.12")
BUSYBOX = CACHE / "debian" / "busybox" / "bin" / "busybox"
KEXEC_TOOLS = CACHE / "debian" / "kexec-tools"


@dataclass(frozen=True)
class Kernel:
    """One of Debian's kernels: series "6.1", release as `uname -r` prints it."""

    series: str
    release: str
    image: Path
    modules: Path


def kernel(series: str) -> Kernel:
    tree = CACHE / "debian" / f"linux-{series}"
    images = sorted(tree.glob("boot/vmlinuz-*"))
    if len(images) != 1:
        raise Stop(f"Debian's kernel {series} is not in the cache ({tree}). Remove that folder and run tools/lib/setup.sh.")
    release = images[0].name.removeprefix("vmlinuz-")
    return Kernel(series, release, images[0], tree / "lib" / "modules" / release)
