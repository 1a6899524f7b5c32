# SPDX-License-Identifier: BSD-2-Clause
"""Firmware for QEMU's board, as Debian packages it, and QEMU's options that put it there."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import debian
from boot_images import escaped
from errors import Status, Stop


@dataclass(frozen=True)
class Firmware:
    """
    code: the image. variables: an empty store for EFI variables, where the firmware keeps them in flash of its own.
    acpi: it hands over ACPI tables where the board has them.
    """

    code: Path
    variables: Path | None = None
    acpi: bool = False

    def options(self) -> list[str]:
        """A guest's writes to flash last until QEMU ends, also over resets; the files stay as they are."""
        if not self.variables:
            return ["-bios", str(self.code)]
        return ["-drive", f"if=pflash,format=raw,readonly=on,file={escaped(self.code)}",
                "-drive", f"if=pflash,format=raw,snapshot=on,file={escaped(self.variables)}"]


def edk2() -> Firmware:
    """The build of the release that this machine runs."""
    folder = debian.fetched("edk2") / "usr/share/AAVMF"
    return Firmware(folder / "AAVMF_CODE.fd", folder / "AAVMF_VARS.fd", acpi=True)


def edk2_newest() -> Firmware:
    """A later release's."""
    folder = debian.fetched("edk2-newest") / "usr/share/AAVMF"
    return Firmware(folder / "AAVMF_CODE.no-secboot.fd", folder / "AAVMF_VARS.fd", acpi=True)


def u_boot() -> Firmware:
    return Firmware(debian.fetched("u-boot") / "usr/lib/u-boot/qemu_arm64/u-boot.bin")


BY_NAME: dict[str, Callable[[], Firmware]] = {"edk2": edk2, "edk2-newest": edk2_newest, "u-boot": u_boot}


def firmware(name: str) -> Firmware:
    if name not in BY_NAME:
        raise Stop(f"there is no firmware '{name}': there are {', '.join(BY_NAME)}.", Status.USAGE)
    return BY_NAME[name]()
