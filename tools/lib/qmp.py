# SPDX-License-Identifier: BSD-2-Clause
"""A client of QEMU's machine protocol (QMP): commands, and the reason why the machine stopped."""

import json
import queue
import socket
import threading

from errors import Status, Stop


class Qmp:
    """Takes the protocol up as soon as QEMU greets. One command at a time."""

    def __init__(self, link: socket.socket):
        self._link = link
        self._answers: queue.Queue = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self.shutdown_reason: str | None = None
        self._reader.start()

    def command(self, name: str, timeout: float = 60, **arguments):
        """The answer's "return" part. QEMU gone, silent or unwilling: Stop."""
        request = {"execute": name} | ({"arguments": arguments} if arguments else {})
        try:
            self._link.sendall(json.dumps(request).encode() + b"\n")
            answer = self._answers.get(timeout=timeout)
        except (OSError, queue.Empty):
            answer = None
        if answer is None:
            raise Stop(f"QEMU did not answer the command {name}.", Status.QEMU)
        if "error" in answer:
            raise Stop(f"QEMU refused the command {name}: {answer['error'].get('desc')}", Status.QEMU)
        return answer["return"]

    def monitor(self, line: str) -> str:
        """The answer of QEMU's monitor for people."""
        return self.command("human-monitor-command", **{"command-line": line})

    def join(self, timeout: float) -> None:
        """Waits until all that QEMU said before it ended has been read."""
        self._reader.join(timeout)
        self._link.close()

    def _read(self) -> None:
        try:
            with self._link.makefile("rb") as lines:
                for line in lines:
                    self._take(json.loads(line))
        except (OSError, ValueError):
            pass
        self._answers.put(None)

    def _take(self, message: dict) -> None:
        if message.get("event") == "SHUTDOWN":
            self.shutdown_reason = message["data"].get("reason")
        elif "return" in message or "error" in message:
            self._answers.put(message)
