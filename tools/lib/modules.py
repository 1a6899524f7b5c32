# SPDX-License-Identifier: BSD-2-Clause
"""Finds kernel modules and what they depend on, in the order in which insmod wants them."""

import lzma
from pathlib import Path

from errors import Stop


def load_order(tree: Path, wanted: list[str]) -> list[tuple[str, bytes]]:
    """(name, unpacked module) for each wanted module that is no built-in, dependencies first."""
    files = {module_name(path.name): path for path in tree.rglob("*.ko*")}
    built_in = {module_name(line.rpartition("/")[2]) for line in read_lines(tree / "modules.builtin")}
    order: dict[str, bytes] = {}

    def add(name: str) -> None:
        if name in order or name in built_in:
            return
        if name not in files:
            raise Stop(f"the kernel package in {tree} has no module {name}.")
        data = read_module(files[name])
        for needed in dependencies(data):
            if needed in files:
                add(needed)
        order[name] = data

    for name in wanted:
        add(module_name(name))
    return list(order.items())


def module_name(file: str) -> str:
    return file.partition(".ko")[0].replace("-", "_")


def read_lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def read_module(path: Path) -> bytes:
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


def dependencies(module: bytes) -> list[str]:
    """The names in the `depends=` and `softdep=pre:` strings of the module's .modinfo section."""
    names = []
    for string in module.split(b"\0"):
        if string.startswith(b"depends="):
            names += string[len(b"depends=") :].decode().split(",")
        elif string.startswith(b"softdep=pre: "):
            names += string[len(b"softdep=pre: ") :].decode().partition(" post:")[0].split()
    return [module_name(name) for name in names if name]
