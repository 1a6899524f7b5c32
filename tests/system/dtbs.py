# SPDX-License-Identifier: BSD-2-Clause
"""Every DTB of Debian's newest arm64 kernel, read as Baton reads one at boot: what runs, what is refused, and why."""

import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import build
from paths import ROOT
from testing import Test, expect

SURVEY = "tests/unit/dtb_survey"
RUNS = ("runs", "but for its GICv2", "but for its spin table", "if its loader adds PSCI")
LEAST_FILES = 1000
LEAST_WITH_CONSOLE = 850
# Each says what the machine has not, as its tree tells it.
REASONS = {
    "a CPU that is started by a method that Baton does not know",
    "no PSCI of version 0.2 or later",
    "a GIC without a maintenance interrupt",
}


@dataclass(frozen=True)
class Machine:
    """verdict: one of RUNS, or "refused", then with a reason. console: "none", or the UART's kind."""

    name: str
    verdict: str
    console: str
    reason: str
    notes: str


def fetch(log: Path) -> Path:
    with open(log, "ab") as out:
        done = subprocess.run([str(ROOT / "tools" / "lib" / "dtbs.sh")], stdout=subprocess.PIPE, stderr=out, timeout=1800, text=True)
    expect(done.returncode == 0, "the DTBs could not be fetched")
    return Path(done.stdout.strip())


def survey(folder: Path, log: Path) -> tuple[list[Machine], list[str]]:
    """What the program says of each file, and how much is needed of what Baton has limited room for."""
    program = build.build("debug", log, (SURVEY,)) / SURVEY
    files = sorted(folder.rglob("*.dtb"))
    done = subprocess.run([str(program), *map(str, files)], capture_output=True, timeout=1200, text=True)
    with open(log, "a") as out:
        out.write(done.stderr)
    expect(done.returncode == 0, f"the survey ended with status {done.returncode}: a DTB breaks the parser")
    lines = done.stdout.splitlines()
    machines = [Machine(*line.split("\t")) for line in lines if not line.startswith("# ")]
    expect(len(machines) == len(files), f"the survey tells of {len(machines)} DTBs of {len(files)}")
    return machines, [line[2:] for line in lines if line.startswith("# ")]


def notes_of(machine: Machine) -> str:
    """Each once."""
    return "; ".join(dict.fromkeys(machine.notes.split("; ")))


def table(machines: list[Machine], needs: list[str]) -> str:
    def counted(title: str, key: Callable[[Machine], str]) -> list[str]:
        found = Counter(map(key, machines))
        return ["", title, *(f"{count:5}  {what}" for what, count in found.most_common() if what)]

    rows = [f"{len(machines)} DTBs", f"{'':28}{'console':>10}{'none':>10}"]
    for verdict in (*RUNS, "refused"):
        with_console = sum(machine.verdict == verdict and machine.console != "none" for machine in machines)
        without = sum(machine.verdict == verdict and machine.console == "none" for machine in machines)
        rows.append(f"{verdict:28}{with_console:10}{without:10}")
    rows += counted("Refused, and not for its GICv2, spin table or loader alone:",
                    lambda machine: machine.reason if machine.verdict == "refused" else "")
    rows += counted("Consoles:", lambda machine: machine.console)
    rows += counted("What is left out of those that run today:", lambda machine: notes_of(machine) if machine.verdict == "runs" else "")
    return "\n".join([*rows, "", "The most of:", *needs, ""])


def every_dtb(log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    folder = fetch(log)
    machines, needs = survey(folder, log)
    with open(log, "a") as out:
        out.write(table(machines, needs))
        out.writelines(f"{machine.reason}: {Path(machine.name).relative_to(folder)}\n"
                       for machine in sorted(machines, key=lambda each: (each.reason, each.name)) if machine.verdict == "refused")
    expect(len(machines) >= LEAST_FILES, f"there are only {len(machines)} DTBs")
    unknown = {machine.reason for machine in machines if machine.verdict == "refused"} - REASONS
    expect(not unknown, f"refused for {sorted(unknown)}")
    good = sum(machine.verdict in RUNS and machine.console != "none" for machine in machines)
    expect(good >= LEAST_WITH_CONSOLE, f"only {good} of {len(machines)} would run with a console")


TESTS = [Test("system/dtbs", "every DTB of Debian's newest arm64 kernel is read, or refused for a true reason", every_dtb, soak=True)]
