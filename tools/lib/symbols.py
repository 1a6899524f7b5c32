#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes the table of function names that Baton's backtraces read.

usage: symbols.py NM ELF OUTPUT SIZE

The format is arch/arm64/panic/backtrace.cpp's SymbolTable: u32 count, u32 0, then (u32 address from the
image's start, u32 offset of the name) by rising address, then the names, NUL-ended; padded to SIZE.
"""
import struct
import subprocess
import sys


def functions(nm, elf):
    lines = subprocess.run([nm, "-C", "-n", "--defined-only", elf],
                           check=True, capture_output=True, text=True).stdout.splitlines()
    by_address = {}
    for line in lines:
        address, kind, name = line.split(" ", 2)
        if kind in "tTwW" and not name.startswith("$"):
            name = name.replace("(anonymous namespace)::", "").split("(")[0]
            by_address[int(address, 16)] = name.removeprefix("baton::")
    return sorted(by_address.items())


def table(symbols):
    entries, names = b"", b""
    for address, name in symbols:
        entries += struct.pack("<II", address, len(names))
        names += name.encode() + b"\0"
    return struct.pack("<II", len(symbols), 0) + entries + names


def main():
    nm, elf, output, size = sys.argv[1:]
    blob = table(functions(nm, elf))
    if len(blob) > int(size):
        sys.exit(f"symbols.py: {len(blob)} bytes of names do not fit into {size}: "
                 "enlarge symbols_size in arch/arm64/panic/backtrace.cpp and arch/arm64/meson.build")
    with open(output, "wb") as file:
        file.write(blob.ljust(int(size), b"\0"))


main()
