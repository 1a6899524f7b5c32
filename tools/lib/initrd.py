# SPDX-License-Identifier: BSD-2-Clause
"""Builds the initrd of a Debian kernel: busybox, modules for disk and network, the files of guest/, and more."""

import hashlib
import stat
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from types import MappingProxyType

import cpio
import modules
from debian import ALL_MACHINES, BUSYBOX, Kernel
from errors import Stop
from paths import CACHE, private_write

Files = Mapping[str, Path]
MODULES = ["virtio_pci", "virtio_mmio", "virtio_blk", "virtio_net", "ext4"]
# A server's disk and network, and its firmware's variables.
SERVER_MODULES = ["nvme", "e1000e", "efivarfs"]
GUEST = Path(__file__).parent / "guest"
FOLDERS = {"bin", "dev", "etc", "lib", "lib/modules", "mnt", "proc", "sys", "tmp"}
NO_FILES: Files = MappingProxyType({})


def initrd(kernel: Kernel, extra: Files = NO_FILES) -> Path:
    """
    The kernel's initrd, built when there is none or when the recipe has changed since.
    extra: files that it holds beside its own, {path in the archive: file}.
    """
    recipe = b"".join(path.read_bytes() for path in (*sorted(GUEST.iterdir()), Path(cpio.__file__), Path(modules.__file__),
                                                 Path(__file__)))
    for name, file in sorted(extra.items()):
        recipe += f"{name}\0{is_program(file)}\0".encode() + file.read_bytes()
    path = CACHE / "initrd" / f"{kernel.release}-{hashlib.sha256(recipe).hexdigest()[:12]}.cpio"
    if not path.exists():
        if not BUSYBOX.exists():
            raise Stop(f"busybox is not in the cache ({BUSYBOX}). Run tools/lib/setup.sh.")
        private_write(path, build(kernel, extra))
    return path


def is_program(file: Path) -> bool:
    return bool(file.stat().st_mode & stat.S_IXUSR)


def build(kernel: Kernel, extra: Files) -> bytes:
    archive = cpio.Archive()
    parents = {str(parent) for name in extra for parent in PurePosixPath(name).parents} - {"."}
    for name in sorted(FOLDERS | parents):
        archive.directory(name)
    archive.device("dev/console", 5, 1)
    # The kernel starts /init; by that name busybox is an init.
    archive.file("init", BUSYBOX.read_bytes(), 0o755)
    archive.symlink("bin/busybox", "../init")
    for file in sorted(GUEST.iterdir()):
        archive.file(f"etc/{file.name}", file.read_bytes(), 0o755)
    archive.file("etc/initrd", f"of {kernel.release}\n".encode())
    loaded = modules.load_order(kernel.modules, MODULES + (SERVER_MODULES if kernel.series in ALL_MACHINES else []))
    for name, data in loaded:
        archive.file(f"lib/modules/{name}.ko", data)
    archive.file("lib/modules/order", "".join(f"{name}\n" for name, _ in loaded).encode())
    for name, file in sorted(extra.items()):
        archive.file(name, file.read_bytes(), 0o755 if is_program(file) else 0o644)
    return archive.finish()
