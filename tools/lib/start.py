# SPDX-License-Identifier: BSD-2-Clause
"""The ways from power-on to the first image: QEMU itself, firmware, a boot loader on a disk, or a Linux that kexecs."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import debian
import loaders
from boot_images import escaped
from errors import Status, Stop
from esp import Contents, make_esp
from firmware import firmware
from initrd import build
from loaders import Payload
from programs import kexec

APPEND = "console=ttyAMA0"
KEXEC_SERIES = debian.SERIES[-1]


@dataclass(frozen=True)
class Loader:
    """
    whole: it starts one file that holds all; others take a kernel, its initrd and its command line. contents: what is on
    the EFI system partition. firmware: what it runs on, the default first; "" is none.
    """

    whole: bool
    contents: Callable[[Payload], Contents] | None
    firmware: tuple[str, ...]


EDK2 = ("edk2", "edk2-newest")
ANY_EFI = (*EDK2, "u-boot")
LOADERS = {
    # It hands one file over itself; to firmware, as an EFI program.
    "qemu": Loader(True, None, ("", *EDK2)),
    "firmware": Loader(True, loaders.firmware_itself, EDK2),
    "grub": Loader(False, loaders.grub, ANY_EFI),
    "grub-chainloader": Loader(True, loaders.grub_chainloader, ANY_EFI),
    "systemd-boot": Loader(False, loaders.systemd_boot, ANY_EFI),
    "systemd-boot-unified": Loader(True, loaders.systemd_boot_unified, ANY_EFI),
    "booti": Loader(False, loaders.extlinux, ("u-boot",)),
    "bootefi": Loader(True, loaders.firmware_itself, ("u-boot",)),
    # Not on the bare board: there Debian's kexec of a large kernel hangs between the two kernels.
    "kexec": Loader(False, None, EDK2),
}
# What firmware does when nobody says how.
DEFAULT_LOADER = {"edk2": "firmware", "edk2-newest": "firmware", "u-boot": "booti"}


@dataclass(frozen=True)
class Start:
    """
    A way that makes sense. firmware, loader: None for QEMU itself, which hands an image to some firmware too. acpi: whether
    the image finds ACPI tables.
    """

    firmware: str | None = None
    loader: str | None = None
    acpi: bool = False

    def whole(self) -> bool:
        return bool(self.loader) and LOADERS[self.loader].whole


def chosen(firmware_name: str | None, loader: str | None, acpi: bool | None, *, bundled: bool) -> Start:
    """What a user's options mean together, or why they cannot be. bundled: kernel and initrd can be had in one file."""
    if loader:
        allowed = LOADERS[loader].firmware
        firmware_name = firmware_name or allowed[0] or None
        if (firmware_name or "") not in allowed:
            named = " or ".join(name for name in allowed if name)
            raise Stop(f"the loader {loader} does not run on {firmware_name}, but on {named}.", Status.USAGE)
    if acpi and firmware_name not in EDK2:
        raise Stop(f"ACPI tables come from EDK2: give --firmware edk2{' in the place of u-boot' if firmware_name else ''}.",
                   Status.USAGE)
    if acpi is False and not firmware_name:
        raise Stop("--no-acpi belongs to --firmware edk2; without firmware there are no ACPI tables.", Status.USAGE)
    default = DEFAULT_LOADER.get(firmware_name or "")
    start = Start(firmware_name, loader or default, firmware_name in EDK2 and acpi is not False)
    if start.whole() and not bundled:
        if loader:
            raise Stop(f"the loader {loader} starts one file that holds all: without Baton there is none.", Status.USAGE)
        return Start(firmware_name, None, start.acpi)
    return start


def fields(start: Start, payload: Payload, folder: Path, extra: list[str]) -> dict:
    """
    Of a Machine that comes to the payload in that way. folder: for files that last as long as the machine. extra: QEMU's
    options for its other devices.
    """
    found = {"firmware": firmware(start.firmware) if start.firmware else None, "acpi": start.acpi, "extra": extra}
    if start.loader == "kexec":
        return found | {"payload": kexecing(payload, folder), "el2": True}
    loader = LOADERS[start.loader or "qemu"]
    if not loader.contents:
        return found | {"payload": payload}
    image = make_esp(folder / "esp.img", loader.contents(payload))
    disk = ["-drive", f"file={escaped(image)},if=none,format=raw,id=esp", "-device", "virtio-blk-pci,drive=esp,bootindex=0"]
    # U-Boot looks at the first virtio disk alone. EDK2 finds this one wherever it is, and the other disks keep their names.
    return found | {"extra": [*disk, *extra] if start.firmware == "u-boot" else [*extra, *disk]}


def kexecing(payload: Payload, folder: Path) -> Payload:
    """A Linux that starts the payload as soon as it is up."""
    command = f"kexec -l /{loaders.KERNEL} --command-line={shlex.quote(payload.append)}"
    if payload.initrd:
        command += f" --initrd=/{loaders.INITRD}"
    script = folder / "rc.local"
    script.write_text(f"#!/bin/sh\n{command} && kexec -e\n")
    script.chmod(0o755)
    linux = debian.kernel(KEXEC_SERIES)
    archive = folder / "kexec.cpio"
    archive.write_bytes(build(linux, kexec() | payload.files() | {"etc/rc.local": script}))
    return Payload(linux.image, archive, APPEND)
