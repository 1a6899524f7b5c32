# SPDX-License-Identifier: BSD-2-Clause
"""
What the console of bare-metal guests says of them: their checks and closing lines, of each VM for itself. Lines of all VMs
but the connected one come whole, with the VM's name in front, and on lines of their own: so one of them, or of
Baton's, may break a line of the connected VM in two. BREAK is then in the place of the end that may be none.
"""

import re

from broken_lines import BATON, BREAK, broken
from testing import expect
from vms import HOST

BEGIN, NUMBER, END = f"(?:^|{BREAK})", f"{BREAK}?((?:[0-9]{BREAK}?)+)", f"(?=$|{BREAK})"
END_LINE = re.compile(f"{BEGIN}{broken('guest: ')}{NUMBER}{broken(' passed, ')}{NUMBER}{broken(' failed')}{END}", re.MULTILINE)
FAILED_CHECK = re.compile(f"{BEGIN}{broken('FAIL: ')}.*$", re.MULTILINE)


def by_vm(console: str, others: list[str], connected: str = HOST) -> dict[str, str]:
    """Each VM's own text, Baton's left out where there are others. others: besides the host VM."""
    if not others:
        return {HOST: console}
    names = [name for name in (HOST, *others, BATON) if name != connected]
    lines: dict[str, list[str]] = {name: [] for name in (HOST, *others, BATON)}
    between = False
    for line in console.splitlines(keepends=True):
        name, colon, rest = line.partition(": ")
        if colon and name in names:
            lines[name].append(rest)
            between = True
        else:
            if between and lines[connected]:
                lines[connected][-1] = lines[connected][-1].rstrip("\n") + BREAK
            lines[connected].append(line)
            between = False
    del lines[BATON]
    return {name: "".join(its) for name, its in lines.items()}


def closing_lines(text: str) -> int:
    return len(END_LINE.findall(text))


def first_failure(text: str) -> str | None:
    failed = FAILED_CHECK.findall(text)
    return f"{len(failed)} checks failed, the first is '{failed[0].replace(BREAK, '')}'" if failed else None


def judge_ends(whose: str, text: str, wanted: int) -> None:
    """whose: "", or whom a sentence is to name first. wanted: how many closing lines."""
    ends = END_LINE.findall(text)
    expect(len(ends) == wanted, f"{whose}{len(ends)} guests printed their closing line, expected were {wanted}")
    for passed, failures in ((int(number.replace(BREAK, "")) for number in end) for end in ends):
        expect(passed >= 1 and failures == 0, f"{whose}a guest ended with {passed} passed, {failures} failed")


def judge_order(whose: str, text: str, patterns: list[str]) -> None:
    position = 0
    for pattern in patterns:
        match = re.compile(pattern, re.MULTILINE).search(text, position)
        expect(match is not None,
               f"{whose}'{pattern}' is not on the console{' after the line before it' if position else ''}")
        position = match.end()
