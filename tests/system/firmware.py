# SPDX-License-Identifier: BSD-2-Clause
"""Each loader starts the same bundle: firmware itself, GRUB, systemd-boot, U-Boot, kexec, QEMU. Machines with a device tree."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import debian
import loaders
from build import baton_image
from console import Console
from esp import Contents
from linux import check_files, check_network, devices, linux, make_disk, power_off, wait_linux
from machine import Machine
from payload import payload
from start import Start, fields
from testing import Test, expect

CPUS = 4
SERIES = ("6.1", "6.12")
# Until Baton's first word: a firmware's own boot on a busy machine, and the Linux that kexecs.
FIRMWARE_SECONDS = 180
KEXEC_SECONDS = 360


def started(start: Start, log: Path) -> None:
    """Baton and two kernels out of one bundle: the first boots, and its `reboot` goes to the second."""
    guests = [linux(series, f"kernel={number}") for number, series in enumerate(SERIES, 1)]
    baton = baton_image("debug")
    disk = make_disk(log.with_suffix(".img"))
    with TemporaryDirectory(dir=log.parent) as name:
        folder = Path(name)
        board = fields(start, payload(start, guests, baton, "baton.report", folder), folder, devices("pci", disk))
        with Console(Machine(guests, baton, cpus=CPUS, reset_ends=True, **board), log) as console:
            console.expect("baton: Baton ", KEXEC_SECONDS if start.loader == "kexec" else FIRMWARE_SECONDS)
            for number, series in enumerate(SERIES, 1):
                if number > 1:
                    shell.type("reboot")
                shell = wait_linux(console, series, CPUS)
                shell.run(f"grep -qw kernel={number} /proc/cmdline")
                shell.run("dmesg | grep 'CPU.*started at EL1'")
                check_files(shell)
                check_network(shell)
            power_off(console, shell)
    disk.unlink()


def on_disk(contents: Contents, folder: Path) -> Path:
    """What a loader's partition holds, in a folder."""
    for name, data in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.read_bytes())
    return folder


def said(argv: list, log: Path, **environment: str) -> str:
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, timeout=60, env=os.environ | environment)
    with open(log, "a") as file:
        file.write(f"$ {' '.join(map(str, argv))}\n{done.stdout}{done.stderr}status {done.returncode}\n")
    expect(done.returncode == 0, f"'{argv[0]}' ended with status {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def read_by_tools(log: Path) -> None:
    """systemd's own programs find kernel, initrd and command line, and what the menu shows."""
    log.parent.mkdir(parents=True, exist_ok=True)
    guest = linux("6.12", "kernel=1")
    release = debian.kernel("6.12").release
    start = Start("edk2", "systemd-boot-unified")
    with TemporaryDirectory(dir=log.parent) as name:
        folder = Path(name)
        bundle = payload(start, [guest], baton_image("debug"), "baton.report", folder)
        tree = on_disk(loaders.systemd_boot_unified(bundle), folder / "esp")
        library = debian.fetched("bootctl") / "usr/lib/x86_64-linux-gnu/systemd"
        # bootctl wants a file system of its own, which only this one command sees.
        script = 'mount -t tmpfs esp "$3" && cp -r "$2"/. "$3" && exec "$1" --esp-path="$3" --no-pager list'
        mounted = folder / "mounted"
        mounted.mkdir()
        listed = said(["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec", script, "sh",
                       debian.fetched("bootctl") / "usr/bin/bootctl", tree, mounted], log,
                      LD_LIBRARY_PATH=str(library), SYSTEMD_RELAX_ESP_CHECKS="1")
        for word in ("Boot Loader Specification Type #2", f"Baton, Linux {release}", "kernel=1"):
            expect(word in listed, f"`bootctl list` does not show '{word}': {listed}")
        ukify = debian.fetched("ukify")
        inspected = said([sys.executable, ukify / "usr/bin/ukify", "inspect", bundle.kernel], log,
                         PYTHONPATH=str(ukify / "usr/lib/python3/dist-packages"))
        for word in (".linux:", ".initrd:", ".cmdline:", ".osrel:", ".uname:", release, "kernel=1"):
            expect(word in inspected, f"`ukify inspect` does not show '{word}': {inspected}")


def start_test(firmware: str | None, loader: str, what: str) -> Test:
    name = f"{firmware}/{loader}" if firmware else loader
    return Test(f"system/firmware/{name}", f"{what} starts Baton and two kernels out of one bundle",
                partial(started, Start(firmware, loader)))


TESTS = [
    start_test(None, "qemu", "QEMU, as an Image,"),
    start_test("edk2", "qemu", "EDK2, as QEMU's -kernel,"),
    start_test("edk2", "firmware", "EDK2, as BOOTAA64.EFI,"),
    start_test("edk2-newest", "firmware", "the newest EDK2"),
    start_test("edk2", "grub", "GRUB's linux and initrd"),
    start_test("edk2", "grub-chainloader", "GRUB's chainloader"),
    start_test("edk2", "systemd-boot", "a menu entry of systemd-boot"),
    start_test("edk2", "systemd-boot-unified", "systemd-boot, as a unified kernel image,"),
    start_test("edk2", "kexec", "kexec of a Linux at EL2"),
    start_test("u-boot", "booti", "U-Boot's booti"),
    start_test("u-boot", "bootefi", "U-Boot's bootefi"),
    Test("system/firmware/tools", "`bootctl list` and `ukify inspect` read a bundle", read_by_tools),
]
