# SPDX-License-Identifier: BSD-2-Clause
"""Finds kernel modules and what they depend on, in the order in which insmod wants them."""

import lzma
from pathlib import Path

from errors import Stop


def load_order(tree: Path, wanted: list[str]) -> list[tuple[str, bytes]]:
    """(name, unpacked module) for each wanted module that is no built-in, dependencies first."""
    files = {module_name(path.name): path for path in tree.rglob("*.ko*")}
    built_in = {module_name(line.rpartition("/")[2]) for line in read_lines(tree / "modules.builtin")}
    crypto = {name: path for name, path in files.items() if "crypto" in path.parts}
    order: dict[str, bytes] = {}

    def add(name: str) -> None:
        if name in order or name in built_in:
            return
        if name not in files:
            raise Stop(f"the kernel package in {tree} has no module {name}.")
        data = read_module(files[name])
        for needed in dependencies(data):
            # An algorithm's name is one that its modules have in common; any of them does.
            real = needed if needed in files else alias_of(crypto, needed)
            if real:
                add(real)
        order[name] = data

    for name in wanted:
        add(module_name(name))
    return list(order.items())


def alias_of(modules: dict[str, Path], alias: str) -> str | None:
    """The first module that goes by that name of an algorithm too. A generic one is tried first: it needs no feature of a CPU."""
    candidates = sorted(name for name in modules if name.startswith(alias.removeprefix("crypto_")))
    for name in sorted(candidates, key=lambda name: not name.endswith("_generic")):
        if alias in strings_of(read_module(modules[name]), "alias="):
            return name
    return None


def module_name(file: str) -> str:
    return file.partition(".ko")[0].replace("-", "_")


def read_lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def read_module(path: Path) -> bytes:
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


def dependencies(module: bytes) -> list[str]:
    """What must be there before the module: modules, or names that modules have besides their own."""
    names = []
    for depends in strings_of(module, "depends="):
        names += depends.split(",")
    for softdep in strings_of(module, "softdep=pre: "):
        names += softdep.partition(" post:")[0].split()
    return [module_name(name) for name in names if name]


def strings_of(module: bytes, key: str) -> list[str]:
    """The values of one key in the module's .modinfo section, as names of modules are written."""
    return [module_name(string[len(key) :].decode()) for string in module.split(b"\0") if string.startswith(key.encode())]
