# SPDX-License-Identifier: BSD-2-Clause
"""Builds what a Linux guest uses of Baton: the modules for each of Debian's kernels, and batonctl."""

import shutil
from pathlib import Path

import build
import debian
from errors import Stop
from paths import BUILD, CACHE, ROOT

SOURCES = ROOT / "guest-api"
BATONCTL = "guest-api/batonctl/batonctl"
MODULES = ("baton", "baton_shared")
MODULE_IN_INITRD = "lib/modules/baton.ko"


def linux_tools(series: str) -> dict[str, Path]:
    """What the initrd of that kernel is to hold besides its own: {path in it: file}."""
    return {"bin/batonctl": batonctl(), MODULE_IN_INITRD: module(series)}


def batonctl() -> Path:
    """The release build's: it does not depend on what Baton is built with."""
    return build.build("release", targets=(BATONCTL,)) / BATONCTL


def module(series: str, name: str = "baton") -> Path:
    """A module without its debug information, up to date: "baton", or "baton_shared", which needs uio.ko."""
    folder = BUILD / "linux" / series
    stripped = [folder / f"{one}.ko" for one in MODULES]
    with build.locked("linux"):
        if refresh(folder) or not all(file.exists() for file in stripped):
            for file in stripped:
                file.unlink(missing_ok=True)
            make(series, folder, None)
            for file in stripped:
                build.call(["llvm-strip-19", "--strip-debug", "-o", str(file), str(folder / "linux" / file.name)], None)
    return folder / f"{name}.ko"


def refresh(folder: Path) -> bool:
    """Copies the sources to where they are built; true if any has changed."""
    files = [SOURCES / "baton.h", *(path for path in (SOURCES / "linux").iterdir() if path.is_file())]
    changed = False
    for file in files:
        copy = folder / file.relative_to(SOURCES)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if not copy.exists() or copy.read_bytes() != file.read_bytes():
            shutil.copyfile(file, copy)
            changed = True
    return changed


def make(series: str, folder: Path, log: Path | None, *checks: str) -> None:
    """checks: further arguments for the kernel's Makefile, as "W=1"."""
    if series in debian.ALL_MACHINES:
        debian.kernel(series)
        debian.fetched(f"headers-{series}")
    headers = CACHE / "debian" / f"headers-{series}" / "build"
    if not headers.exists():
        raise Stop(f"the headers of Debian's kernel {series} are not in the cache ({headers}). Run tools/lib/setup.sh.")
    # BTF would need pahole, and tells nothing that the module's users want.
    build.call(["make", "-C", str(headers), f"M={folder / 'linux'}", "ARCH=arm64", "CROSS_COMPILE=aarch64-linux-gnu-",
                "CONFIG_DEBUG_INFO_BTF_MODULES=", "KCFLAGS=-Werror", *checks, "modules"], log)
