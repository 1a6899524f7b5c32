# SPDX-License-Identifier: BSD-2-Clause
"""Builds Baton with Meson, as far as sources have changed. All messages go to stderr, or to a log."""

import contextlib
import fcntl
import functools
import subprocess
import sys
from pathlib import Path

from errors import Stop
from paths import BUILD, ROOT

# Debug: checked at run time, and optimised a little: unoptimised C++ is slow under emulation, and its names are long.
# Release: what speed is measured with. Mutate: each time without another step of a handover (tests/system/mutate.py).
# Coverage: unit tests that count the lines they run, without sanitizers (coverage.py).
DEBUG = ["-Ddebug=true", "-Doptimization=1"]
TYPES = {"debug": DEBUG, "release": ["-Dbuildtype=release"], "mutate": DEBUG,
         "coverage": [*DEBUG, "-Dcoverage=true", "-Dlibfdt:native_c_args="]}
JOBS = 2
# All that a machine needs that runs somebody's guest.
HYPERVISOR = "arch/arm64/baton.img"


def build(kind: str, log: Path | None = None, targets: tuple[str, ...] = ()) -> Path:
    """The folder of the build of that kind, up to date: all of it, or just the targets. Without a
    log, failures show on stderr."""
    folder = configure(kind, log)
    with locked(kind):
        if not up_to_date(folder, targets):
            if not log:
                print(f"build: compiling Baton ({kind})", file=sys.stderr)
            call(["ninja", "-C", str(folder), "-j", str(JOBS), *targets], log)
    return folder


def configure(kind: str, log: Path | None = None) -> Path:
    """The folder of the build of that kind, known to Meson."""
    folder = BUILD / kind
    with locked(kind):
        if not (folder / "build.ninja").exists():
            if not log:
                print(f"build: configuring {folder}", file=sys.stderr)
            files = ROOT / "tools" / "cross"
            cross = ["--cross-file", str(files / "arm64.ini"), "--native-file", str(files / "native.ini")]
            call(["meson", "setup", *cross, *TYPES[kind], str(folder), str(ROOT)], log)
    return folder


@functools.cache
def build_once(kind: str, *targets: str) -> Path | Stop:
    try:
        return build(kind, targets=targets)
    except Stop as stop:
        return stop


def baton_image(kind: str, *targets: str) -> Path:
    """Builds once in a process, even if that fails: a suite goes on with what it has begun with."""
    folder = build_once(kind, *targets)
    if isinstance(folder, Stop):
        raise folder
    images = list(folder.rglob("baton.img"))
    if len(images) != 1:
        raise Stop(f"the build in {folder} left no baton.img. Remove the folder and try again.")
    return images[0]


@contextlib.contextmanager
def locked(kind: str):
    """One build of a kind at a time, also among processes."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with open(BUILD / f"{kind}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def up_to_date(folder: Path, targets: tuple[str, ...]) -> bool:
    dry = subprocess.run(["ninja", "-C", str(folder), "-n", *targets], capture_output=True, text=True)
    return dry.returncode == 0 and "no work to do" in dry.stdout


def call(argv: list[str], log: Path | None) -> None:
    """Output goes to the log; without one to a terminal as it comes, or to stderr if the command fails."""
    live = not log and sys.stderr.isatty()
    done = subprocess.run(argv, stdout=sys.stderr if live else subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if log:
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "a") as file:
            file.write(done.stdout)
    if done.returncode != 0:
        if not log and not live:
            sys.stderr.write(done.stdout)
        raise Stop(f"'{argv[0]}' failed: its message is {'in the log' if log else 'above'}.")
