# SPDX-License-Identifier: BSD-2-Clause
"""Builds the initrd of a Debian kernel: busybox, the modules for virtio disk and network, the files of guest/."""

import hashlib
from pathlib import Path

import cpio
from debian import BUSYBOX, Kernel
from errors import Stop
from modules import load_order
from paths import CACHE, private_write

MODULES = ["virtio_pci", "virtio_mmio", "virtio_blk", "virtio_net", "ext4"]
GUEST = Path(__file__).parent / "guest"


def initrd(kernel: Kernel) -> Path:
    """The kernel's initrd, built when there is none or when the recipe has changed since."""
    recipe = b"".join(path.read_bytes() for path in (*sorted(GUEST.iterdir()), Path(cpio.__file__), Path(__file__)))
    path = CACHE / "initrd" / f"{kernel.release}-{hashlib.sha256(recipe).hexdigest()[:12]}.cpio"
    if not path.exists():
        if not BUSYBOX.exists():
            raise Stop(f"busybox is not in the cache ({BUSYBOX}). Run tools/lib/setup.sh.")
        private_write(path, build(kernel))
    return path


def build(kernel: Kernel) -> bytes:
    archive = cpio.Archive()
    for name in ("bin", "dev", "etc", "lib", "lib/modules", "mnt", "proc", "sys", "tmp"):
        archive.directory(name)
    archive.device("dev/console", 5, 1)
    # The kernel starts /init; by that name busybox is an init.
    archive.file("init", BUSYBOX.read_bytes(), 0o755)
    archive.symlink("bin/busybox", "../init")
    for file in sorted(GUEST.iterdir()):
        archive.file(f"etc/{file.name}", file.read_bytes(), 0o755)
    archive.file("etc/initrd", f"of {kernel.release}\n".encode())
    modules = load_order(kernel.modules, MODULES)
    for name, data in modules:
        archive.file(f"lib/modules/{name}.ko", data)
    archive.file("lib/modules/order", "".join(f"{name}\n" for name, _ in modules).encode())
    return archive.finish()
