#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""ACPI's tables as QEMU makes them for a machine: `acpi_tables.py OUTPUT QEMU ARGUMENT...`

QEMU hands tables to its firmware as files, with a script of what is to be done with them: where they may lie, which
addresses go where, what is summed up (docs/specs and hw/acpi/bios-linker-loader.c of QEMU). Here the firmware's part is
done, over QEMU's own test protocol, so no guest runs. OUTPUT is memory: 8 bytes of the address at which it lies, 8 bytes
of the address of the root pointer in it, both little-endian, then the bytes.
"""

import subprocess
import sys
from pathlib import Path

DMA_REGISTER = 0x0902_0010  # of fw_cfg on QEMU's virt machine
COMMAND_AT = 0x4000_1000    # any RAM does: nothing runs
DATA_AT = 0x4010_0000
PLACE = 0x7C00_0000         # where the tables are said to lie
DIRECTORY = 0x19
SELECT_AND_READ = 1 << 3 | 1 << 1


class Machine:
    def __init__(self, qemu: list[str]) -> None:
        self.process = subprocess.Popen([*qemu, "-qtest", "stdio", "-qtest-log", "none", "-display", "none", "-nodefaults"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, line: str) -> str:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        for answer in self.process.stdout:
            if answer.startswith("OK"):
                return answer[3:].strip()
            if not answer.startswith("IRQ"):
                break
        raise SystemExit(f"QEMU did not carry out: {line}")

    def read(self, selector: int, size: int) -> bytes:
        """A file of fw_cfg, by its DMA interface: docs/specs/fw_cfg.rst of QEMU."""
        control = selector << 16 | SELECT_AND_READ
        command = control.to_bytes(4, "big") + size.to_bytes(4, "big") + DATA_AT.to_bytes(8, "big")
        self.ask(f"write {COMMAND_AT:#x} {len(command)} 0x{command.hex()}")
        # The register is big-endian; QEMU swaps what a test writes as a little-endian guest would have to.
        swapped = int.from_bytes(COMMAND_AT.to_bytes(8, "big"), "little")
        self.ask(f"writeq {DMA_REGISTER:#x} {swapped:#x}")
        return bytes.fromhex(self.ask(f"read {DATA_AT:#x} {size}")[2:])

    def files(self) -> dict[str, bytes]:
        count = int.from_bytes(self.read(DIRECTORY, 4), "big")
        directory = self.read(DIRECTORY, 4 + 64 * count)[4:]
        entries = [directory[64 * i:64 * (i + 1)] for i in range(count)]
        return {text(entry[8:]): self.read(int.from_bytes(entry[4:6], "big"), int.from_bytes(entry[:4], "big"))
                for entry in entries if text(entry[8:]).startswith("etc/acpi/") or text(entry[8:]) == "etc/table-loader"}

    def end(self) -> None:
        self.process.terminate()
        self.process.wait()


def text(field: bytes) -> str:
    return field.split(b"\0")[0].decode()


def number(field: bytes) -> int:
    return int.from_bytes(field, "little")


class Linker:
    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.memory = bytearray()
        self.places: dict[str, int] = {}

    def run(self) -> None:
        script = self.files["etc/table-loader"]
        steps = {1: self.allocate, 2: self.add_pointer, 3: self.add_checksum}
        for at in range(0, len(script), 128):
            step = steps.get(number(script[at:at + 4]))
            if step:
                step(script[at + 4:at + 128])

    def allocate(self, step: bytes) -> None:
        name, alignment = text(step[:56]), max(number(step[56:60]), 1)
        self.memory += bytes(-len(self.memory) % alignment)
        self.places[name] = len(self.memory)
        self.memory += self.files[name]

    def add_pointer(self, step: bytes) -> None:
        to, of = text(step[:56]), text(step[56:112])
        offset, size = number(step[112:116]), step[116]
        at = self.places[to] + offset
        value = number(self.memory[at:at + size]) + PLACE + self.places[of]
        self.memory[at:at + size] = value.to_bytes(size, "little")

    def add_checksum(self, step: bytes) -> None:
        base = self.places[text(step[:56])]
        offset, start, length = (number(step[at:at + 4]) for at in (56, 60, 64))
        self.memory[base + offset] = 0
        self.memory[base + offset] = -sum(self.memory[base + start:base + start + length]) & 0xFF

    def image(self) -> bytes:
        root = PLACE + self.places["etc/acpi/rsdp"]
        # QEMU pads the file to a multiple of 64 KiB. A table may end in zeros.
        used = bytes(self.memory).rstrip(b"\0") + bytes(64)
        return PLACE.to_bytes(8, "little") + root.to_bytes(8, "little") + used


def main() -> None:
    output, *qemu = sys.argv[1:]
    machine = Machine(qemu)
    linker = Linker(machine.files())
    machine.end()
    linker.run()
    Path(output).write_bytes(linker.image())


if __name__ == "__main__":
    main()
