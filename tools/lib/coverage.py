# SPDX-License-Identifier: BSD-2-Clause
"""How many of hyp/'s lines the unit tests run, counted by clang in a build of its own."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import build
from paths import ROOT
from testing import Test, TestFailure, expect, run_command

LEAST = 92  # percent of the lines of all of hyp/
FOLDER = ROOT / "hyp"
SUFFIXES = {".cpp", ".hpp"}
WORST = 5
# What tests/unit/meson.build makes with -Dcoverage=true: all test programs, and the DTBs that they read.
TARGET = "meson-test-prereq"
PROGRAMS = ("unit_tests", "thread_tests")
# The begin of a function's body, on one line.
BODY = re.compile(r"^(?!.*\brequires\b).*\)\s*((const|override|noexcept)\b\s*|->[^;]*|:[^;]*)*\{")
COMMENT = re.compile(r"^\s*(//.*)?$")

Hits = dict[int, int]  # how often each line with code was run


def coverage_tests() -> list[Test]:
    return [Test("coverage", f"the unit tests run {LEAST} % of the lines of hyp/, or more", check, alone=True)]


def check(log: Path) -> None:
    folder = build.build("coverage", log, (TARGET,))
    files = with_unseen(read_lcov(export(folder, run_tests(folder, log))), sources())
    with open(log, "a") as out:
        out.write("\nlines of hyp/ that no unit test runs:\n")
        for path, hits in sorted(files.items()):
            if missed := [line for line, count in hits.items() if not count]:
                out.write(f"{path.relative_to(ROOT)}: {ranges(missed)}\n")
    print("\n".join(f"    {row}" for row in table(files)), flush=True)
    share = percent(files.values())
    expect(share >= LEAST, f"the unit tests run {share:.1f} % of the lines of hyp/, and {LEAST} % are wanted. "
                           f"Most are missing in {', '.join(worst(files))}. The log names each")


def sources() -> list[Path]:
    return [path for path in FOLDER.rglob("*") if path.suffix in SUFFIXES]


def run_tests(folder: Path, log: Path) -> Path:
    """The profile of all unit tests together."""
    profiles = folder / "profiles"
    shutil.rmtree(profiles, ignore_errors=True)
    run_command(["meson", "test", "-C", str(folder), "--no-rebuild", "--print-errorlogs", "--num-processes",
                 str(build.JOBS)], log, 600, env=os.environ | {"LLVM_PROFILE_FILE": str(profiles / "%p.profraw")})
    raw = sorted(map(str, profiles.glob("*.profraw")))
    expect(bool(raw), "the unit tests left no profile")
    merged = profiles / "merged.profdata"
    run_command(["llvm-profdata-19", "merge", "-sparse", "-o", str(merged), *raw], log, 60)
    return merged


def export(folder: Path, profile: Path) -> str:
    first, *others = (str(folder / "tests" / "unit" / program) for program in PROGRAMS)
    done = subprocess.run(["llvm-cov-19", "export", "-format=lcov", f"-instr-profile={profile}", first,
                           *(f"-object={program}" for program in others)], capture_output=True, text=True)
    if done.returncode != 0:
        raise TestFailure(f"llvm-cov-19 failed: {done.stderr.strip()}")
    return done.stdout


def read_lcov(text: str) -> dict[Path, Hits]:
    files: dict[Path, Hits] = {}
    for record in text.splitlines():
        kind, _, value = record.partition(":")
        if kind == "SF":
            hits = files.setdefault(Path(value), {})
        elif kind == "DA":
            line, count = map(int, value.split(",")[:2])
            hits[line] = hits.get(line, 0) + count
    return files


def with_unseen(files: dict[Path, Hits], paths: Iterable[Path]) -> dict[Path, Hits]:
    """Just those, and with each that has code and is in no test program: so nothing is left out by not compiling it."""
    known = {path: files.get(path) or unseen(path) for path in paths}
    return {path: hits for path, hits in known.items() if hits}


def unseen(path: Path) -> Hits:
    """Of a file that clang does not know: declarations are no code, but whatever has a function has only code."""
    lines = path.read_text().splitlines()
    if not any(BODY.search(line.partition("//")[0]) for line in lines):
        return {}
    return {number: 0 for number, line in enumerate(lines, 1) if not COMMENT.match(line)}


def counted(files: Iterable[Hits]) -> tuple[int, int]:
    """Lines that were run, and all."""
    counts = [count for hits in files for count in hits.values()]
    return sum(count != 0 for count in counts), len(counts)


def percent(files: Iterable[Hits]) -> float:
    run, total = counted(files)
    expect(total != 0, "no line of hyp/ is in the unit tests")
    return 100 * run / total


def table(files: dict[Path, Hits]) -> list[str]:
    """A row for each folder of hyp/, and for all of it."""
    folders: dict[Path, list[Hits]] = {}
    for path, hits in sorted(files.items()):
        folders.setdefault(path.parent, []).append(hits)
    named = [(str(folder.relative_to(ROOT)), its) for folder, its in folders.items()]
    rows = []
    for name, its in [*named, ("all of it", list(files.values()))]:
        run, total = counted(its)
        rows.append(f"{name:<15} {100 * run / total:5.1f} %  {run:5} of {total} lines")
    return rows


def worst(files: dict[Path, Hits]) -> list[str]:
    """The files with the most lines that were not run."""
    missed = {path: total - run for path, hits in files.items() for run, total in [counted([hits])]}
    most = sorted(missed, key=lambda path: (-missed[path], path))[:WORST]
    return [f"{path.relative_to(ROOT)} ({missed[path]})" for path in most if missed[path]]


def ranges(lines: list[int]) -> str:
    """1, 2, 3, 7: 1-3, 7"""
    spans: list[list[int]] = []
    for line in sorted(lines):
        if spans and line == spans[-1][1] + 1:
            spans[-1][1] = line
        else:
            spans.append([line, line])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)
