# SPDX-License-Identifier: BSD-2-Clause
"""The other end of a virtio-net card: sends Ethernet frames at the guest, and drops what it gets."""

import contextlib
import socket
import struct
import threading
import time
from pathlib import Path

MARK = b"flood from outside " * 3
ETHER_TYPE = 0x88B5  # "local experimental"
FRAME_BYTES = 1400
# (frames, seconds of rest after them). Even a flood rests: the emulated CPUs need the build machine too.
FULL = (32, 0.004)
TRICKLE = (1, 0.1)


class Flood:
    """Listens on a Unix socket that QEMU's `-netdev stream` connects to; sends between start() and close()."""

    def __init__(self, path: Path):
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(1)
        self._link: socket.socket | None = None
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.rate = FULL
        self.sent = 0
        self.received = 0
        self.netdev = f"stream,id=net,server=off,addr.type=unix,addr.path={path}"

    def start(self, timeout: float = 30) -> None:
        self._listener.settimeout(timeout)
        self._link, _ = self._listener.accept()
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._send, self._receive)]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self._stop.set()
        if self._link:
            with contextlib.suppress(OSError):
                self._link.shutdown(socket.SHUT_RDWR)
            self._link.close()
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def _send(self) -> None:
        header = b"\xff" * 6 + b"\x02\0\0\0\0\1" + struct.pack("!H", ETHER_TYPE)
        with contextlib.suppress(OSError):
            while not self._stop.is_set():
                frames, rest = self.rate
                for _ in range(frames):
                    frame = header + struct.pack("!Q", self.sent) + MARK
                    frame += bytes(FRAME_BYTES - len(frame))
                    self._link.sendall(struct.pack("!I", len(frame)) + frame)
                    self.sent += 1
                time.sleep(rest)

    def _receive(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._link.recv(1 << 16):
                self.received += len(data)
