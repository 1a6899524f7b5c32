# SPDX-License-Identifier: BSD-2-Clause
"""Programs out of Debian's arm64 packages, with the shared libraries that they need, for an initrd."""

import re
import subprocess
from pathlib import Path

from debian import KEXEC_TOOLS
from errors import Stop

NEEDED = re.compile(r"\(NEEDED\)\s+Shared library: \[(.*)\]")
# The arm64 ABI names the program interpreter by this path.
LOADER = "ld-linux-aarch64.so.1"
READELF = "llvm-readelf-19"


def kexec() -> dict[str, Path]:
    return program(KEXEC_TOOLS, "sbin/kexec")


def program(tree: Path, path: str) -> dict[str, Path]:
    """What an archive has to hold for one program of an unpacked tree: {path in the archive: file}."""
    file = tree / path
    if not file.exists():
        raise Stop(f"{path} is not in the cache ({tree}). Remove that folder and run tools/lib/setup.sh.")
    names = [LOADER, *needed(file)]
    files = {f"bin/{file.name}": file}
    for name in names:
        if f"lib/{name}" not in files:
            files[f"lib/{name}"] = library(tree, name)
            names += needed(files[f"lib/{name}"])
    return files


def library(tree: Path, name: str) -> Path:
    found = sorted(tree.rglob(name))
    if not found:
        raise Stop(f"{tree} holds no {name}: a package is missing in tools/lib/fetch.sh.")
    return found[0]


def needed(file: Path) -> list[str]:
    done = subprocess.run([READELF, "--dynamic", str(file)], capture_output=True, text=True)
    if done.returncode != 0:
        raise Stop(f"{READELF} cannot read {file}: {done.stderr.strip()}")
    return NEEDED.findall(done.stdout)
