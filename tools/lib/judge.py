# SPDX-License-Identifier: BSD-2-Clause
"""What the console of bare-metal guests says of them: their checks and closing lines, of each VM for itself."""

import re

from testing import expect
from vms import HOST

END_LINE = re.compile(r"^guest: (\d+) passed, (\d+) failed$", re.MULTILINE)
FAILED_CHECK = re.compile(r"^FAIL: .*$", re.MULTILINE)


def by_vm(console: str, others: list[str], connected: str = HOST) -> dict[str, str]:
    """Each VM's own text. Lines of all but the connected one have the VM's name in front. others: besides the host VM."""
    names = [name for name in (HOST, *others) if name != connected]
    lines: dict[str, list[str]] = {name: [] for name in (HOST, *others)}
    for line in console.splitlines(keepends=True):
        name, colon, rest = line.partition(": ")
        if colon and name in names:
            lines[name].append(rest)
        else:
            lines[connected].append(line)
    return {name: "".join(its) for name, its in lines.items()}


def closing_lines(text: str) -> int:
    return len(END_LINE.findall(text))


def first_failure(text: str) -> str | None:
    failed = FAILED_CHECK.findall(text)
    return f"{len(failed)} checks failed, the first is '{failed[0]}'" if failed else None


def judge_ends(whose: str, text: str, wanted: int) -> None:
    """whose: "", or whom a sentence is to name first. wanted: how many closing lines."""
    ends = END_LINE.findall(text)
    expect(len(ends) == wanted, f"{whose}{len(ends)} guests printed their closing line, expected were {wanted}")
    for passed, failures in ends:
        expect(int(passed) >= 1 and int(failures) == 0, f"{whose}a guest ended with {passed} passed, {failures} failed")


def judge_order(whose: str, text: str, patterns: list[str]) -> None:
    position = 0
    for pattern in patterns:
        match = re.compile(pattern, re.MULTILINE).search(text, position)
        expect(match is not None,
               f"{whose}'{pattern}' is not on the console{' after the line before it' if position else ''}")
        position = match.end()
