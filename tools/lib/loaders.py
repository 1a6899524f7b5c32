# SPDX-License-Identifier: BSD-2-Clause
"""Boot loaders, and what an EFI system partition holds so that each starts an image without being asked."""

from dataclasses import dataclass
from pathlib import Path

import debian
from esp import Contents

# Where firmware looks when no boot entry says otherwise (UEFI Specification 2.10, 3.5.1.1).
DEFAULT = "EFI/BOOT/BOOTAA64.EFI"
KERNEL, INITRD = "boot/kernel", "boot/initrd"
TITLE = "the image"


@dataclass(frozen=True)
class Payload:
    """What a loader starts: an arm64 Image, which is an EFI program too where a loader wants one; its initrd; its command line."""

    kernel: Path
    initrd: Path | None = None
    append: str = ""

    def files(self) -> dict[str, Path]:
        return {KERNEL: self.kernel} | ({INITRD: self.initrd} if self.initrd else {})


def firmware_itself(payload: Payload) -> Contents:
    """The firmware's boot manager. It gives neither initrd nor command line."""
    return {DEFAULT: payload.kernel}


def grub(payload: Payload) -> Contents:
    lines = [f"linux /{KERNEL} {payload.append}", *([f"initrd /{INITRD}"] if payload.initrd else [])]
    return grub_with(lines, payload)


def grub_chainloader(payload: Payload) -> Contents:
    return grub_with([f"chainloader /{KERNEL} {payload.append}"], payload)


def grub_with(lines: list[str], payload: Payload) -> Contents:
    """Debian's own build of GRUB with all its modules inside. It looks for its configuration in Debian's folder."""
    program = debian.fetched("grub") / "usr/lib/grub/arm64-efi/monolithic/grubaa64.efi"
    return {DEFAULT: program, "EFI/debian/grub.cfg": "".join(f"{line}\n" for line in [*lines, "boot"]).encode()} | payload.files()


def systemd_boot(payload: Payload) -> Contents:
    """An entry that names kernel, initrd and command line (Boot Loader Specification, type 1)."""
    lines = [f"title {TITLE}", f"linux /{KERNEL}", *([f"initrd /{INITRD}"] if payload.initrd else []),
             *([f"options {payload.append}"] if payload.append else [])]
    return systemd_boot_with({"loader/entries/image.conf": "".join(f"{line}\n" for line in lines).encode()} | payload.files())


def systemd_boot_unified(payload: Payload) -> Contents:
    """One file that holds all, in the folder where the menu finds it (Boot Loader Specification, type 2)."""
    return systemd_boot_with({"EFI/Linux/image.efi": payload.kernel})


def systemd_boot_with(entries: Contents) -> Contents:
    program = debian.fetched("systemd-boot") / "usr/lib/systemd/boot/efi/systemd-bootaa64.efi"
    return {DEFAULT: program, "loader/loader.conf": b"timeout 0\nconsole-mode keep\neditor no\n"} | dict(entries)


def extlinux(payload: Payload) -> Contents:
    """The menu that U-Boot reads, from which it starts an Image by `booti`."""
    lines = ["default image", "label image", f"  kernel /{KERNEL}", *([f"  initrd /{INITRD}"] if payload.initrd else []),
             *([f"  append {payload.append}"] if payload.append else [])]
    return {"extlinux/extlinux.conf": "".join(f"{line}\n" for line in lines).encode()} | payload.files()
