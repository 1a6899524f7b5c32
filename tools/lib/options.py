# SPDX-License-Identifier: BSD-2-Clause
"""The command-line options that tools/run and tools/demo share."""

import argparse
from pathlib import Path

import debian
from errors import Status, Stop
from image import arm64_image, read_head
from firmware import BY_NAME
from initrd import initrd
from machine import Guest
from start import LOADERS, Start, chosen

CPUS = 4
LINUX_APPEND = "console=ttyAMA0"
KERNEL_HELP = ("any file in arm64 Image format (gzip'd too), or Debian's kernel with our initrd: debian-6.1, debian-6.12 for "
               "clouds, debian-6.1-arm64, debian-6.12-arm64, debian-newest-arm64 for all machines")


def add_machine_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cpus", type=int, default=CPUS, metavar="N", help=f"how many CPUs; {CPUS} by default")
    parser.add_argument("--memory", metavar="SIZE", help="512M, 4G …; 1G by default, more with many CPUs or VMs")
    parser.add_argument("--cpu", default="cortex-a76", metavar="MODEL",
                        help="cortex-a53, cortex-a76 (default), neoverse-n1, max")
    parser.add_argument("--baton", default="", metavar="STRING", help="Baton's own options: \"baton.slot=128M …\"")
    parser.add_argument("--single-thread", action="store_true", default=None,
                        help="emulate all CPUs on one thread (default with Linux on 32 CPUs or more)")
    parser.add_argument("--multi-thread", action="store_false", dest="single_thread",
                        help="emulate each CPU on a thread of its own")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--debug", action="store_const", const="debug", dest="kind", help="use a debug build of Baton")
    kind.add_argument("--release", action="store_const", const="release", dest="kind", help="use a release build of Baton")


def add_start_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--firmware", choices=list(BY_NAME), help="start from firmware: Debian's EDK2 (this release's, or the "
                        "newest), or U-Boot. By default QEMU itself enters the first image")
    parser.add_argument("--loader", choices=list(LOADERS), help="who loads the image from a disk: firmware itself, as "
                        "EFI/BOOT/BOOTAA64.EFI (EDK2's default), GRUB, systemd-boot, U-Boot (booti is its default); kexec: a "
                        "Linux at EL2; or qemu, which gives one file to EDK2 or enters it")
    parser.add_argument("--acpi", action=argparse.BooleanOptionalAction, default=None,
                        help="whether EDK2 hands over ACPI tables (its default) or a device tree")


def start(args: argparse.Namespace, *, bundled: bool) -> Start:
    return chosen(args.firmware, args.loader, args.acpi, bundled=bundled)


def guest(kernel: str, ramdisk: str | None, append: str | None) -> Guest:
    """One kernel with what belongs to it, by what the user has given."""
    if ramdisk:
        read_head(Path(ramdisk), "initrd")
    series = kernel.removeprefix("debian-")
    if series in (*debian.SERIES, *debian.ALL_MACHINES) and not Path(kernel).exists():
        ours = debian.kernel(series)
        return Guest(ours.image, Path(ramdisk) if ramdisk else initrd(ours), LINUX_APPEND if append is None else append)
    image = arm64_image(Path(kernel))
    return Guest(image, Path(ramdisk) if ramdisk else None, append or "")


def next_guest(kernel: str | None, ramdisk: str | None, append: str | None) -> list[Guest]:
    if kernel:
        return [guest(kernel, ramdisk, append)]
    if ramdisk or append is not None:
        raise Stop("next-initrd and next-append belong to a next-kernel, which is missing.", Status.USAGE)
    return []
