# SPDX-License-Identifier: BSD-2-Clause
"""Tests of the sources themselves: form, layers, builds, unit tests, the protocol's model, the tools' own tests."""

import json
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import build
from errors import Stop
from paths import BUILD, ROOT
from testing import Test, TestFailure, expect, run_command

FOLDERS = ("arch", "guest-api", "hyp", "tests", "tools", "subprojects")
FORMATTED = {".cpp", ".hpp", ".c", ".h"}
COMMENTED = FORMATTED | {".S", ".py", ".sh", ".build", ".ini", ".toml", ".pml"}
ABI = ROOT / "guest-api" / "baton.h"
LICENCE = "SPDX-License-Identifier: "
# What hyp/ does not know of, in code, comments and messages; but fields of the ABI have the names that they have there.
ARCH_WORDS = re.compile(r"\b(EL[0-3]|GIC(v\d)?|PSCI|SMCCC|MPIDR|DSU|VMID|SPIs?|PPIs?|SGIs?|LPIs?|ITSs?|HVC|SMC|ERET|TLBI|INTIDs?)\b"
                        r"|((?<!\.)\b|_)(gic|gic[dr]|psci|smccc|mpidr|dsu|vmid|spis?|ppis?|sgis?|lpis?|hvc|smc|intid)(\b|_)")

# Verbs that meant several things each, in names of functions and variables (docs/architecture.md has what is said instead).
# A field of a type may have a word that the ABI or the architecture has: BATON_LOAD_DROP, memory_order_release.
STRING = re.compile(r'"(\\.|[^"\\])*"')
RETIRED_WORDS = re.compile(r"\b(?!memory_order)(\w*_)?(forget|give_back|give_up|abandon(ed)?|take_back|set_aside|patience|settle|tell|release"
                           r"|hand_over_\w)\w*(?=\()|\b(\w*_)?(patience|set_aside)(_\w*)?\b")


def sources(suffixes: set[str]) -> list[Path]:
    fetched = set((ROOT / "subprojects").glob("*/src"))
    files = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*"))
    return sorted(path for path in files if path.is_file() and path.suffix in suffixes and not fetched & set(path.parents))


def source_tests() -> list[Test]:
    return [
        Test("source/format", "every C and C++ file is as clang-format leaves it", check_format, quick=True),
        Test("source/licence", "every source file begins with its SPDX line", check_licence, quick=True),
        Test("source/layers", "hyp includes nothing of arch, holds no asm, and no word of Arm", check_layers, quick=True),
        Test("source/words", "in arch and hyp no name has a word that was retired", check_words, quick=True),
        Test("source/abi", "the ABI's header compiles alone as C11 and as C++23, with all warnings and no other header",
             check_abi, quick=True),
        Test("build/debug", "Baton, its guests and its unit tests compile without a warning",
             partial(check_build, "debug"), quick=True, alone=True),
        Test("build/release", "so does the release build", partial(check_build, "release"), alone=True),
        Test("tools/python", "the tools' own parts do what they say", check_tools, quick=True),
        Test("model/handover", "the protocol has no deadlock, leaves no CPU in the guest, launches none twice",
             check_model),
    ]


def check_format(log: Path) -> None:
    run_command(["clang-format-19", "--dry-run", "-Werror", *map(str, sources(FORMATTED))], log, 60, cwd=ROOT)


def check_licence(log: Path) -> None:
    bare = [str(path.relative_to(ROOT)) for path in sources(COMMENTED)
            if not any(LICENCE in line for line in path.read_text().splitlines()[:2])]
    expect(not bare, f"no SPDX line in {', '.join(bare)}")


def check_layers(log: Path) -> None:
    wrong = re.compile(r'#\s*include\s*["<]arch/|\basm\b|__aarch64__|__x86_64__')
    found = [f"{path.relative_to(ROOT)}:{number}"
             for path in sources(FORMATTED) if path.is_relative_to(ROOT / "hyp")
             for number, line in enumerate(path.read_text().splitlines(), 1)
             if wrong.search(line.partition("//")[0]) or ARCH_WORDS.search(line)]
    expect(not found, f"hyp reaches into the machine, or speaks of one architecture's, at {', '.join(found)}")


def check_words(log: Path) -> None:
    found = [f"{path.relative_to(ROOT)}:{number}"
             for path in sources(FORMATTED | {".S"}) if path.is_relative_to(ROOT / "hyp") or path.is_relative_to(ROOT / "arch")
             for number, line in enumerate(path.read_text().splitlines(), 1)
             if RETIRED_WORDS.search(STRING.sub("", line.partition("//")[0]))]
    expect(not found, f"a word with several meanings, for which the glossary has others, at {', '.join(found)}")


def check_abi(log: Path) -> None:
    # Of -Weverything's, those that complain of C11 and C++23 themselves are left out.
    allowed = ["-Wno-pre-c11-compat", "-Wno-c++98-compat", "-Wno-c++98-compat-pedantic", "-Wno-unused-macros"]
    for compiler, language in (("clang-19", "c11"), ("clang++-19", "c++23"), ("gcc", "c11")):
        warnings = ["-Wall", "-Wextra", "-Wpedantic"] if compiler == "gcc" else ["-Weverything", *allowed]
        run_command([compiler, f"-std={language}", "-x", language.rstrip("0123456789"), "-nostdinc", *warnings, "-Werror",
                     "-fsyntax-only", "-include", str(ABI), "/dev/null"], log, 60)


def check_build(kind: str, log: Path) -> None:
    build.build(kind, log)


def check_tools(log: Path) -> None:
    run_command([sys.executable, "-B", "-m", "unittest", "discover", "-s", str(ROOT / "tests" / "tools")], log, 120,
                cwd=ROOT / "tools" / "lib")


def check_model(log: Path) -> None:
    run_command([str(ROOT / "tests" / "model" / "run")], log, 900, cwd=ROOT)


def unit_tests() -> list[Test]:
    """One test for each that Meson knows. No build folder to ask: one test, which says so."""
    log = BUILD / "log" / "configure.log"
    try:
        folder = build.configure("debug", log)
        asked = subprocess.run(["meson", "introspect", "--tests", str(folder)], capture_output=True, text=True)
        names = [test["name"] for test in json.loads(asked.stdout)]
        if not names:
            raise Stop("its list is empty.")
    except (Stop, ValueError) as error:
        return [Test("unit", "the unit tests can be listed", partial(fail, f"Meson lists no unit tests: {error} ({log})"),
                     quick=True)]
    return [Test(f"unit/{name}", f"unit tests of {name.replace('_', ' ')}", partial(run_unit, name), quick=True)
            for name in names]


def run_unit(name: str, log: Path) -> None:
    folder = build.build("debug")
    run_command(["meson", "test", "-C", str(folder), "--no-rebuild", "--print-errorlogs", "--logbase",
                 f"testlog-{name}", name], log, 600)


def fail(sentence: str, _: Path) -> None:
    raise TestFailure(sentence)
