# SPDX-License-Identifier: BSD-2-Clause
"""
The bare-metal guests of tests/guests/table.toml as tests. One entry:

    [[test]]
    name = "smp"                    # unique
    proves = "every CPU comes up"   # one clause
    image = "smp"                   # BUILD/tests/guests/smp.img; takes the `append` string
    next = ["smp"]                  # further boot modules, in this order; none by default
    initrd = "smp"                  # an image that is the first guest's initrd; none by default
    archive = {kernel = "baton"}    # or: its initrd is a cpio archive of images ("baton" is Baton's), and of texts ("text:…")
    append = ""                     # bootargs of the first guest, and next_append of the others
    cpus = [1, 4]                   # each of these on …
    cpu = ["cortex-a76"]            # … each of these: so many runs
    memory = "1G"                   # default: by the number of CPUs
    baton = ""                      # Baton's options
    secure = false                  # two security states
    threads = "multi"               # or "single"
    qemu = []                       # further options of QEMU
    build = "debug"                 # or "release"
    quick = false                   # the first run is part of `tools/test --quick`
    soak = false                    # long: only by name
    alone = false                   # needs both cores of a small machine: no other test beside it
    timeout = 60                    # seconds
    status = "off"                  # how the machine ends: off, panic, reset, timeout
    ends = 1                        # how many guests print their closing line (0 when the machine ends otherwise)
    expect = ["regex", …]           # must be on the console in this order

A guest prints `ok: <check>` or `FAIL: <check>: <why>` for each check, `guest: N passed, N failed` at its end, then
calls PSCI SYSTEM_OFF, or reset where another guest is to follow.
"""

import re
import tomllib
from functools import partial
from pathlib import Path

import build
import cpio
from console import Console
from errors import Status
from machine import Guest, Machine
from paths import ROOT
from testing import Test, TestFailure, expect

TABLE = ROOT / "tests" / "guests" / "table.toml"
DEFAULTS = {
    "next": [], "initrd": None, "archive": {}, "append": "", "next_append": "", "cpus": [4], "cpu": ["cortex-a76"], "memory": None, "baton": "",
    "secure": False, "threads": "multi", "qemu": [], "build": "debug", "quick": False, "soak": False, "alone": False,
    "timeout": 60, "status": "off", "ends": None, "expect": [],
}
REQUIRED = {"name", "proves", "image"}
STATUSES = {"off": Status.OFF, "panic": Status.PANIC, "reset": Status.RESET, "timeout": Status.TIMEOUT}
END_LINE = re.compile(r"^guest: (\d+) passed, (\d+) failed$", re.MULTILINE)
FAILED_CHECK = re.compile(r"^FAIL: .*$", re.MULTILINE)


def guest_tests() -> list[Test]:
    try:
        return [test for entry in tomllib.loads(TABLE.read_text())["test"] for test in runs(entry)]
    except (OSError, KeyError, ValueError) as error:
        return [Test("guest", "the table of bare-metal guests can be read", partial(unreadable, str(error)), quick=True)]


def unreadable(error: str, _: Path) -> None:
    raise TestFailure(f"{TABLE} cannot be used: {error}")


def runs(entry: dict) -> list[Test]:
    unknown = entry.keys() - DEFAULTS.keys() - REQUIRED
    missing = REQUIRED - entry.keys()
    if unknown or missing:
        raise ValueError(f"entry {entry.get('name')}: unknown {sorted(unknown)}, missing {sorted(missing)}")
    entry = DEFAULTS | entry
    if entry["status"] not in STATUSES:
        raise ValueError(f"entry {entry['name']}: status is none of {', '.join(STATUSES)}")
    tests = []
    for cpus in entry["cpus"]:
        for cpu in entry["cpu"]:
            name = f"guest/{entry['name']}/{cpus}/{cpu.partition(',')[0]}"
            tests.append(Test(name, entry["proves"], partial(run, entry, cpus, cpu), quick=entry["quick"] and not tests,
                              soak=entry["soak"], alone=entry["alone"]))
    return tests


def run(entry: dict, cpus: int, cpu: str, log: Path) -> None:
    baton = build.baton_image(entry["build"])
    folder = build.BUILD / entry["build"] / "tests" / "guests"
    follow = entry["next"] if isinstance(entry["next"], list) else [entry["next"]]
    initrd = make_archive(entry["archive"], folder, baton, log) if entry["archive"] else None
    if entry["initrd"]:
        initrd = folder / f"{entry['initrd']}.img"
    guests = [guest(folder, entry["image"], entry["append"], initrd)]
    guests += [guest(folder, image, entry["next_append"]) for image in follow]
    machine = Machine(guests, baton, entry["baton"], cpus, entry["memory"], cpu, secure=entry["secure"],
                      single_thread=entry["threads"] == "single", reset_ends=True, extra=entry["qemu"])
    with Console(machine, log) as console:
        outcome = console.wait_off(entry["timeout"])
    judge(entry, console.transcript, outcome)


def guest(folder: Path, name: str, append: str, initrd: Path | None = None) -> Guest:
    image = folder / f"{name}.img"
    expect(image.exists(), f"the build left no {image}")
    return Guest(image, initrd, append)


def make_archive(files: dict[str, str], folder: Path, baton: Path, log: Path) -> Path:
    archive = cpio.Archive()
    for name, source in files.items():
        text = source.removeprefix("text:")
        image = baton if source == "baton" else folder / f"{source}.img"
        archive.file(name, text.encode() if text != source else image.read_bytes())
    path = log.with_suffix(".cpio")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(archive.finish())
    return path


def judge(entry: dict, console: str, outcome) -> None:
    """What the console showed matters first: it says more than the way QEMU ended."""
    failed = FAILED_CHECK.findall(console)
    expect(not failed, f"{len(failed)} checks failed, the first is '{failed[0] if failed else ''}'")
    expect(outcome.status == STATUSES[entry["status"]], f"{outcome.sentence} Expected was the status '{entry['status']}'.")
    ends = END_LINE.findall(console)
    wanted = entry["ends"] if entry["ends"] is not None else int(entry["status"] == "off")
    expect(len(ends) == wanted, f"{len(ends)} guests printed their closing line, expected were {wanted}")
    for passed, failures in ends:
        expect(int(passed) >= 1 and int(failures) == 0, f"a guest ended with {passed} passed, {failures} failed")
    position = 0
    for pattern in entry["expect"]:
        match = re.compile(pattern, re.MULTILINE).search(console, position)
        expect(match is not None, f"'{pattern}' is not on the console{' after the line before it' if position else ''}")
        position = match.end()
