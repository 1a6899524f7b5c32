# SPDX-License-Identifier: BSD-2-Clause
"""Drives a guest through its serial console: waits for what it prints, types, keeps the whole transcript."""

import re
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

from errors import Status
from machine import Machine
from vm import Outcome, Vm

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
HALF_ESCAPE = re.compile(r"\x1b(\[[0-9;?]*)?$")
# What no test wants to see, whatever it waits for.
DISASTERS = re.compile(r"baton: panic: .*|Kernel panic - not syncing.*|Internal error: .*|Unable to handle kernel .*")


class ConsoleError(Exception):
    """The guest did not do what was waited for; says what it did instead."""


class Console:
    """A machine that runs with its console in our hands. Use it in a `with` block."""

    def __init__(self, machine: Machine, log: Path, on_text=None):
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log = open(log, "wb", buffering=0)
        self._on_text = on_text
        self._changed = threading.Condition()
        self._half = ""
        self._closed = False
        self._disaster_from = 0
        self.transcript = ""
        self.position = 0
        options = ["-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"]
        self.vm = Vm(machine, options, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.vm.begin()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()
        self._reader.join(5)
        self._log.close()

    def expect(self, pattern: str, timeout: float) -> re.Match:
        """Waits until the console shows the pattern after what was matched last. The time limit is in seconds."""
        wanted = re.compile(pattern)
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                match = wanted.search(self.transcript, self.position)
                if match:
                    self.position = match.end()
                    return match
                self._look_for_disaster(pattern)
                if self._closed:
                    raise ConsoleError(f"while waiting for '{pattern}': {self.wait_off(10).sentence}")
                if not self._changed.wait(max(0, deadline - time.monotonic())) and time.monotonic() >= deadline:
                    raise ConsoleError(f"no '{pattern}' on the console within {timeout:g} s")

    def expect_disaster(self, pattern: str, timeout: float) -> re.Match:
        """As expect, for a disaster that the test itself has made: from now on it is no error."""
        match = self.expect(pattern, timeout)
        self._disaster_from = match.end()
        return match

    def wait_for(self, condition: Callable[[str], bool], timeout: float) -> bool:
        """Waits until the condition holds for the transcript; false if the machine ends before, or the time (seconds)."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or condition(self.transcript), timeout)
            return condition(self.transcript)

    def end(self) -> None:
        """Ends the machine, if it still runs: what was to be seen has been seen."""
        self.vm.kill(Outcome(Status.INTERRUPTED, "the test ended it."))

    def send(self, text: str) -> None:
        try:
            self.vm.process.stdin.write(text.encode())
            self.vm.process.stdin.flush()
        except OSError:
            raise ConsoleError(f"QEMU ended before '{text.strip()}' could be typed") from None

    def tail(self, lines: int = 20) -> str:
        return "".join(f"    {line}\n" for line in self.transcript.splitlines()[-lines:])

    def wait_off(self, timeout: float) -> Outcome:
        """Waits for the machine's own end."""
        self.vm.wait(timeout)
        self._reader.join(5)
        return self.vm.outcome(self.transcript)

    def _look_for_disaster(self, pattern: str) -> None:
        disaster = DISASTERS.search(self.transcript, self._disaster_from)
        if disaster and disaster.end() < len(self.transcript):
            # A little later, so that registers and backtrace are in the log too.
            self._changed.wait_for(lambda: self._closed, 2)
            self._disaster_from = disaster.end()
            raise ConsoleError(f"'{disaster.group()}' came while waiting for '{pattern}'")

    def _read(self) -> None:
        while chunk := self.vm.process.stdout.read1(65536):
            self._log.write(chunk)
            text = ESCAPES.sub("", self._half + chunk.decode(errors="replace"))
            half = HALF_ESCAPE.search(text)
            self._half = half.group() if half else ""
            text = text[: len(text) - len(self._half)]
            if self._on_text:
                self._on_text(text)
            with self._changed:
                self.transcript += text
                self._changed.notify_all()
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class Shell:
    """The shell of our initrd, on a console."""

    def __init__(self, console: Console):
        self._console = console
        self._count = 0

    def wait(self, timeout: float) -> tuple[str, int]:
        """Waits for a kernel's shell; gives the kernel's release and how many CPUs are online."""
        match = self._console.expect(r"guest: Linux (\S+) on (\d+) CPUs", timeout)
        self._console.expect(r"\n# ", timeout)
        return match.group(1), int(match.group(2))

    def run(self, command: str, timeout: float = 60, check: bool = True) -> str:
        """What the command prints. check: a status other than 0 is an error."""
        self._count += 1
        number = self._count
        # printf puts the marks together, so that the echo of this line does not look like them.
        self._console.send(f"printf '<%s>\\n' begin{number}; {command}; printf '<%s:%d>\\n' end{number} $?\n")
        self._console.expect(rf"<begin{number}>\n", timeout)
        start = self._console.position
        match = self._console.expect(rf"<end{number}:(\d+)>\n", timeout)
        output = self._console.transcript[start : match.start()]
        if check and match.group(1) != "0":
            raise ConsoleError(f"'{command}' in the guest ended with status {match.group(1)}: {output.strip()[-300:]}")
        return output

    def type(self, line: str) -> None:
        """Types a command that will not come back."""
        self._console.send(line + "\n")
