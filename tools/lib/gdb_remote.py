# SPDX-License-Identifier: BSD-2-Clause
"""Reads the registers of a machine's CPUs through QEMU's gdbstub: GDB's remote serial protocol, as far as that needs it."""

import re
import socket
from pathlib import Path


class GdbRemote:
    """Connecting stops the machine."""

    def __init__(self, path: Path, timeout: float = 20):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout)
        self._socket.connect(str(path))
        self._rest = b""
        self._numbers = self._read_numbers()

    def close(self) -> None:
        self._socket.close()

    def threads(self) -> list[str]:
        """One a CPU, in their order."""
        found, answer = [], self._ask("qfThreadInfo")
        while answer.startswith("m"):
            found += answer[1:].split(",")
            answer = self._ask("qsThreadInfo")
        return found

    def registers(self, thread: str, names: set[str]) -> dict[str, int]:
        """Of the registers of these names those that the stub knows."""
        self._ask(f"Hg{thread}")
        values = {}
        for name in names & self._numbers.keys():
            answer = self._ask(f"p{self._numbers[name]:x}")
            if re.fullmatch(r"([0-9a-f]{2})+", answer):
                values[name] = int.from_bytes(bytes.fromhex(answer), "little")
        return values

    def _read_numbers(self) -> dict[str, int]:
        """Registers are numbered through all files that the target's description includes."""
        number, numbers = 0, {}
        for file in re.findall(r'href="([^"]+)"', self._file("target.xml")):
            for attributes in re.findall(r"<reg ([^>]*)/>", self._file(file)):
                if given := re.search(r'regnum="(\d+)"', attributes):
                    number = int(given.group(1))
                numbers[re.search(r'name="([^"]+)"', attributes).group(1)] = number
                number += 1
        return numbers

    def _file(self, name: str) -> str:
        text = ""
        while True:
            answer = self._ask(f"qXfer:features:read:{name}:{len(text):x},800")
            text += answer[1:]
            if not answer.startswith("m"):
                return text

    def _ask(self, request: str) -> str:
        packet = request.encode()
        self._socket.sendall(b"$" + packet + b"#%02x" % (sum(packet) % 256))
        while True:
            match = re.search(rb"\$([^#]*)#..", self._rest, re.DOTALL)
            if match:
                self._rest = self._rest[match.end() :]
                self._socket.sendall(b"+")
                if not match.group(1).startswith((b"T", b"S")):  # why it has stopped: nobody asked
                    return match.group(1).decode()
                continue
            data = self._socket.recv(65536)
            if not data:
                raise ConnectionError("QEMU's gdbstub has closed the connection")
            self._rest += data
