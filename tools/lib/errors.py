# SPDX-License-Identifier: BSD-2-Clause
"""What a tool says when it cannot go on, and the exit statuses of the tools."""

import enum
import sys


class Status(enum.IntEnum):
    """Exit statuses of tools/run. The suite expects them of a test's machine too."""

    OFF = 0
    FAILED = 1
    USAGE = 2
    PANIC = 3
    TIMEOUT = 4
    QEMU = 5
    RESET = 6
    INTERRUPTED = 130


class Stop(Exception):
    """A sentence for the user that names cause and remedy, and the status to leave with."""

    def __init__(self, message: str, status: Status = Status.FAILED):
        super().__init__(message)
        self.status = status


def run_tool(main) -> None:
    """Runs a tool's main function; turns Stop and Ctrl-C into a sentence and a status."""
    name = sys.argv[0].rpartition("/")[2].removesuffix(".py")
    try:
        status = main()
    except Stop as stop:
        print(f"{name}: error: {stop}", file=sys.stderr)
        status = stop.status
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        status = Status.INTERRUPTED
    sys.stdout.flush()
    sys.exit(int(status or 0))
