# SPDX-License-Identifier: BSD-2-Clause
"""The device tree of a machine with nodes of ours: QEMU's own, as it makes it for these very options, with ours added."""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from boot_images import escaped
from errors import Status, Stop

DTC = "dtc"
LIMIT_SECONDS = 60


@contextlib.contextmanager
def options(command: list[str], nodes: str) -> Iterator[tuple[list[str], list[int]]]:
    """QEMU's further options, and the files that it must inherit. command: QEMU's. nodes: in dtc's language; "": none."""
    if not nodes:
        yield [], []
        return
    file = os.memfd_create("dtb")
    try:
        os.write(file, extended(qemus_own(command), nodes))
        yield ["-dtb", f"/proc/self/fd/{file}"], [file]
    finally:
        os.close(file)


def qemus_own(command: list[str]) -> bytes:
    """A DTB. It has the boot modules that QEMU loads, its seeds of random numbers, and bootargs."""
    with tempfile.TemporaryDirectory() as folder:
        dtb = Path(folder) / "dtb"
        run([*command, "-machine", f"dumpdtb={escaped(dtb)}"], "QEMU could not start the machine", Status.QEMU)
        return dtb.read_bytes()


def extended(dtb: bytes, nodes: str) -> bytes:
    source = run([DTC, "-q", "-I", "dtb", "-O", "dts"], "dtc could not read QEMU's device tree", input=dtb)
    return run([DTC, "-q", "-I", "dts", "-O", "dtb"], "dtc could not add the nodes", input=source + nodes.encode())


def run(argv: list[str], failure: str, status: Status = Status.FAILED, **more) -> bytes:
    try:
        done = subprocess.run(argv, capture_output=True, timeout=LIMIT_SECONDS, **more)
    except FileNotFoundError:
        raise Stop(f"{argv[0]} is not installed. Run tools/lib/setup.sh.", status) from None
    except subprocess.TimeoutExpired:
        raise Stop(f"{failure} within {LIMIT_SECONDS} s.", status) from None
    if done.returncode != 0:
        sys.stderr.buffer.write(done.stderr)
        raise Stop(f"{failure}: see its message above.", status)
    return done.stdout
