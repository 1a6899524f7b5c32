# SPDX-License-Identifier: BSD-2-Clause
"""Our plugins for QEMU's TCG (tools/lib/plugin): builds them, and reads what that of the critical path writes."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import build
from boot_images import escaped
from errors import Stop
from paths import BUILD, ROOT

SOURCES = ROOT / "tools" / "lib" / "plugin"
NUMBERS = ROOT / "arch" / "arm64" / "mark_numbers.hpp"
FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-fvisibility=hidden"]
# The boot CPU's phase marks, and what lies before each; behind the last mark comes the entry's own code.
PHASES = ("call and kick", "drain", "gather", "take down", "enter")


@dataclass(frozen=True)
class CriticalPath:
    """One handover, in instructions from the old kernel's call on. The last of `phases` is the next kernel's first."""

    cpu: int
    phases: tuple[int, ...]
    steps: tuple[int, ...]
    follower_steps: tuple[int, ...]
    followers: int
    awake: int
    # By CPU the begin and end of each step; of a run's last handover only, and no part of the comparison.
    clocks: dict[int, list[tuple[int, int]]] = field(default_factory=dict, compare=False)

    @property
    def end(self) -> int:
        return self.phases[-1]

    @property
    def last_down(self) -> int:
        """When the last of the other CPUs is through with its last step."""
        return self.follower_steps[-1] if self.follower_steps else 0

    def by_phase(self) -> dict[str, int]:
        begins = (0, *self.phases[: len(PHASES) - 1])
        ends = (*self.phases[: len(PHASES) - 1], self.end)
        return {name: end - begin for name, begin, end in zip(PHASES, begins, ends)}


def library(name: str) -> Path:
    """The plugin, up to date."""
    source, built = SOURCES / f"{name}.c", BUILD / "plugin" / f"{name}.so"
    with build.locked("plugin"):
        newest = max(file.stat().st_mtime for file in (source, SOURCES / "qemu_plugin.h", NUMBERS))
        if not built.exists() or built.stat().st_mtime < newest:
            built.parent.mkdir(parents=True, exist_ok=True)
            build.call(["gcc", *FLAGS, f"-I{ROOT}", "-o", str(built), str(source)], None)
    return built


def options(to: Path, name: str = "critical_path", **arguments) -> list[str]:
    to.parent.mkdir(parents=True, exist_ok=True)
    to.unlink(missing_ok=True)
    more = "".join(f",{key}={value}" for key, value in arguments.items())
    return ["-plugin", f"{escaped(library(name))},out={escaped(to)}{more}"]


def read(path: Path) -> list[CriticalPath]:
    """One for each handover that came to its end."""
    if not path.exists():
        raise Stop(f"QEMU's plugin left no {path}.")
    found = []
    for line in path.read_text().splitlines():
        it = json.loads(line)
        if it["end"]:
            found.append(CriticalPath(it["cpu"], (*it["phases"], it["end"]), tuple(it["steps"]),
                                      tuple(it["follower_steps"]), it["followers"], it["awake"],
                                      {int(cpu): steps for cpu, steps in it.get("clocks", {}).items()}))
    return found
