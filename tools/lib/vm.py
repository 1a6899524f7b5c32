# SPDX-License-Identifier: BSD-2-Clause
"""A running QEMU: starts it, ends it, and says how it ended. It never outlives the Python that started it."""

import ctypes
import signal
import socket
import subprocess
from dataclasses import dataclass

import device_tree
from errors import Status, Stop
from machine import QEMU, Machine
from qmp import Qmp

PR_SET_PDEATHSIG = 1
PANIC = "baton: panic: "


@dataclass(frozen=True)
class Outcome:
    status: Status
    sentence: str


NOT_STARTED = Outcome(Status.QEMU, "QEMU could not start the machine: see its message above.")


class Vm:
    def __init__(self, machine: Machine, console: list[str], **streams):
        """console: QEMU's options for it. streams: stdin, stdout, stderr as for subprocess.Popen."""
        command = machine.command()
        ours, theirs = socket.socketpair()
        with theirs, device_tree.options(command, machine.description()) as (tree, files):
            monitor = ["-chardev", f"socket,id=qmp,fd={theirs.fileno()}", "-mon", "chardev=qmp,mode=control"]
            try:
                self.process = subprocess.Popen([*command, *tree, *console, *monitor, "-S"], preexec_fn=die_with_parent,
                                                pass_fds=[theirs.fileno(), *files], **streams)
            except FileNotFoundError:
                raise Stop(f"{QEMU} is not installed. Run tools/lib/setup.sh.", Status.QEMU) from None
        self.qmp = Qmp(ours)
        self._begun = False
        self._ended_by_us: Outcome | None = None

    def begin(self) -> None:
        """Lets the CPUs run. QEMU may have refused its options before that: outcome() then tells."""
        try:
            self.qmp.command("qmp_capabilities")
            self.qmp.command("cont")
            self._begun = True
        except Stop:
            self.kill(NOT_STARTED)

    def wait(self, timeout: float | None) -> None:
        """Waits for QEMU's end, and makes it end at the time limit (seconds)."""
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill(Outcome(Status.TIMEOUT, f"the time limit of {timeout:g} s is over."))

    def kill(self, outcome: Outcome) -> None:
        if self.process.poll() is None:
            self._ended_by_us = outcome
            self.process.kill()
            self.process.wait()

    def outcome(self, console: str) -> Outcome:
        """How QEMU, which has ended, came to its end. console: all that the guest's console has shown."""
        self.qmp.join(5)
        code = self.process.returncode
        reason = self.qmp.shutdown_reason
        if self._ended_by_us:
            return self._ended_by_us
        if not self._begun:
            return NOT_STARTED
        if PANIC in console and code != 0:
            return Outcome(Status.PANIC, "Baton panicked: see the console.")
        if reason == "guest-shutdown" and code == 0:
            return Outcome(Status.OFF, "the guest switched the machine off.")
        if reason == "guest-reset":
            return Outcome(Status.RESET, "the machine was reset.")
        if code == 0:
            return Outcome(Status.INTERRUPTED, "QEMU was ended by its user.")
        name = f"signal {signal.Signals(-code).name}" if code < 0 else f"status {code}"
        return Outcome(Status.QEMU, f"QEMU ended with {name}, and Baton said no word of a panic.")


def die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
