# SPDX-License-Identifier: BSD-2-Clause
"""
The consoles of several VMs on one UART, kept apart. The connected VM's output comes as it is, and what is typed goes to it;
the others' lines, and Baton's, come whole, with a name in front, on lines of their own. So they may break a line of the
connected VM in two: BREAK is then in the place of the end, which may be none.
"""

import re
from collections.abc import Iterable

from broken_lines import BATON, BREAK, broken
from console import DISASTERS, Console, ConsoleError, Shell

# A disaster's line is shorter.
LOOK_BACK = 4096


class Views:
    """What each VM has printed. connected: the VM that is typed to; others: the names of all others."""

    def __init__(self, console: Console, connected: str, others: Iterable[str]):
        self._console = console
        self._connected = connected
        self._prefixes = {f"{name}: ": name for name in (*others, BATON)}
        self._text = {name: "" for name in (connected, *self._prefixes.values())}
        self._tail = ""
        self._taken = 0
        self._views = {name: View(self, console, name) for name in self._text}

    def __getitem__(self, name: str) -> "View":
        return self._views[name]

    def text(self, name: str) -> str:
        return self._text[name] + (self._tail if name == self._connected else "")

    def take(self, transcript: str) -> None:
        """Sorts what has come since the last time."""
        end = transcript.rfind("\n") + 1
        for line in transcript[self._taken : end].split("\n")[:-1]:
            self._take_line(line + "\n")
        self._taken = max(self._taken, end)
        tail = transcript[self._taken :]
        undecided = any(prefix.startswith(tail) or tail.startswith(prefix) for prefix in self._prefixes)
        self._tail = "" if undecided else tail

    def _take_line(self, line: str) -> None:
        prefix = next((prefix for prefix in self._prefixes if line.startswith(prefix)), None)
        if prefix is None:
            self._text[self._connected] += line
            return
        self._text[self._prefixes[prefix]] += line.removeprefix(prefix)
        self._text[self._connected] = re.sub(r"\n\Z", BREAK, self._text[self._connected])


class View:
    """One VM's console. For the connected VM it is to a Shell what a Console is."""

    def __init__(self, views: Views, console: Console, name: str):
        self._views = views
        self._console = console
        self._name = name
        self.position = 0

    @property
    def transcript(self) -> str:
        return self._views.text(self._name)

    def send(self, text: str) -> None:
        self._console.send(text)

    def skip(self) -> None:
        """What has come so far has been seen."""
        self._console.wait_for(lambda transcript: self._views.take(transcript) or True, 0)
        self.position = len(self.transcript)

    def expect(self, pattern: str, timeout: float) -> re.Match:
        """As Console.expect: waits until this VM shows the pattern after what was matched last. Seconds."""
        wanted = re.compile(pattern, re.MULTILINE)
        match = disaster = None

        def look(transcript: str) -> bool:
            nonlocal match, disaster
            self._views.take(transcript)
            match = wanted.search(self.transcript, self.position)
            disaster = DISASTERS.search(transcript, max(0, len(transcript) - LOOK_BACK))
            return match is not None or disaster is not None

        self._console.wait_for(look, timeout)
        if match:
            self.position = match.end()
            return match
        if disaster:
            raise ConsoleError(f"'{disaster.group()}' came while VM {self._name} was to show '{pattern}'")
        if self._console.vm.process.poll() is not None:
            raise ConsoleError(f"while VM {self._name} was to show '{pattern}': {self._console.wait_off(10).sentence}")
        raise ConsoleError(f"VM {self._name} does not show '{pattern}' within {timeout:g} s")


class VmShell(Shell):
    """The shell of our initrd in the connected VM."""

    def __init__(self, view: View):
        super().__init__(view)

    def wait(self, timeout: float) -> tuple[str, int]:
        match = self._console.expect(broken("guest: Linux ") + r"(\S+)" + broken(" on ") + rf"([\d{BREAK}]+)" + broken(" CPUs"),
                                     timeout)
        self._console.expect(f"[\n{BREAK}]{broken('# ')}", timeout)
        release, cpus = (group.replace(BREAK, "") for group in match.groups())
        return release, int(cpus)

    def call(self, command: str, timeout: float = 60) -> tuple[int, str]:
        """The command's status and what it prints."""
        self._count += 1
        number = self._count
        # printf puts the marks together, so that the echo of this line does not look like them.
        self._console.send(f"printf '<%s>\\n' begin{number}; {command}; printf '<%s:%d>\\n' end{number} $?\n")
        self._console.expect(f"{broken(f'<begin{number}>')}[\n{BREAK}]", timeout)
        start = self._console.position
        match = self._console.expect(f"{broken(f'<end{number}:')}([0-9{BREAK}]+)>", timeout)
        # A line of another VM comes between lines far more often than amid one: nothing is printed most of the time.
        output = self._console.transcript[start : match.start()].replace(BREAK, "\n")
        return int(match.group(1).replace(BREAK, "")), output

    def run(self, command: str, timeout: float = 60, check: bool = True) -> str:
        status, output = self.call(command, timeout)
        if check and status != 0:
            raise ConsoleError(f"'{command}' in the guest ended with status {status}: {output.strip()[-300:]}")
        return output
