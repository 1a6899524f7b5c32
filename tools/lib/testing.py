# SPDX-License-Identifier: BSD-2-Clause
"""What a test of the suite is, and helpers for those that run a command."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


class TestFailure(Exception):
    """What was expected, and what came instead."""


@dataclass(frozen=True)
class Test:
    """
    name: what one types to run it alone, `group/what`.
    proves: one clause that a reader of the output understands.
    run: does the test; its argument is the path of its log. Raises when something is not as it should be.
    quick: part of `tools/test --quick`. soak: long, run only by name.
    alone: needs the whole machine; others may run two at a time.
    """

    name: str
    proves: str
    run: Callable[[Path], None]
    quick: bool = False
    soak: bool = False
    alone: bool = False


def expect(condition: bool, sentence: str) -> None:
    """Not `assert`: the sentence says what is wrong."""
    if not condition:
        raise TestFailure(sentence)


def run_command(argv: list[str], log: Path, timeout: float, **options) -> None:
    """Output goes to the log; a status other than 0 is a failure."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "ab") as out:
        try:
            done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=timeout, **options)
        except subprocess.TimeoutExpired:
            raise TestFailure(f"'{argv[0]}' did not end within {timeout:g} s") from None
        except OSError as error:
            raise TestFailure(f"'{argv[0]}' cannot be started: {error.strerror}") from None
    expect(done.returncode == 0, f"'{argv[0]}' ended with status {done.returncode}")
