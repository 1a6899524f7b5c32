# SPDX-License-Identifier: BSD-2-Clause
"""What the system tests share: Debian guests, their disk and network, and the checks made in their shells."""

import hashlib
import random
import re
import shutil
import subprocess
from pathlib import Path

import debian
from console import Console, ConsoleError, Shell
from errors import Status, Stop
from initrd import NO_FILES, Files, initrd
from machine import Guest
from options import LINUX_APPEND
from testing import expect

# Seconds until a kernel's shell, on a busy machine with two cores.
BOOT_SECONDS = 150
BOOT_SECONDS_PER_CPU = 5
# Messages that come and go with the speed of the emulation, whatever runs below the kernel.
OF_THE_EMULATOR = re.compile(r"hrtimer: interrupt took \d+ ns|clocksource: .* (?:unstable|skew|interval|watchdog)")
FILES = 6
FILE_BYTES = 1 << 20


def linux(series: str, append: str = "", extra: Files = NO_FILES) -> Guest:
    """extra: files for the initrd, {path in it: file}."""
    kernel = debian.kernel(series)
    return Guest(kernel.image, initrd(kernel, extra), f"{LINUX_APPEND} {append}".strip())


def release(series: str) -> str:
    return debian.kernel(series).release


def boot_seconds(cpus: int) -> int:
    return BOOT_SECONDS + BOOT_SECONDS_PER_CPU * cpus


def make_disk(path: Path, megabytes: int = 64, extra: Files = NO_FILES) -> Path:
    """
    An ext4 image with some files and their checksums in SHA256SUMS. The same files each time.
    extra: more files for its root folder, {name: file}.
    """
    tree = path.with_suffix(".tree")
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    noise = random.Random(1)
    sums = []
    for number in range(FILES):
        data = noise.randbytes(FILE_BYTES + number)
        (tree / f"file{number}").write_bytes(data)
        sums.append(f"{hashlib.sha256(data).hexdigest()}  file{number}\n")
    (tree / "SHA256SUMS").write_text("".join(sums))
    for name, file in extra.items():
        shutil.copyfile(file, tree / name)
    path.unlink(missing_ok=True)
    with open(path, "wb") as image:
        image.truncate(megabytes << 20)
    done = subprocess.run(["/sbin/mke2fs", "-q", "-F", "-t", "ext4", "-d", str(tree), str(path)], capture_output=True, text=True)
    shutil.rmtree(tree)
    if done.returncode != 0:
        raise Stop(f"mke2fs could not make {path}: {done.stderr.strip()}")
    return path


def check_disk(path: Path) -> None:
    """The file system on the image is sound, after its journal has been replayed."""
    done = subprocess.run(["/sbin/e2fsck", "-fy", str(path)], capture_output=True, text=True)
    expect(done.returncode in (0, 1), f"e2fsck finds the disk damaged: {done.stdout[-300:]}")
    again = subprocess.run(["/sbin/e2fsck", "-fn", str(path)], capture_output=True, text=True)
    expect(again.returncode == 0, f"e2fsck finds the disk damaged: {again.stdout[-300:]}")


def devices(bus: str, disk: Path, owner: str = "") -> list[str]:
    """
    A disk and a network card on the bus, "pci" or "mmio"; or those of a server: NVMe and an Intel card. The network is QEMU's
    own, cut off from any other. owner: the VM that gets them, where there are several.
    """
    if bus == "server":
        return ["-drive", f"file={disk},if=none,format=raw,id=disk{owner}", "-device", f"nvme,drive=disk{owner},serial=disk{owner}",
                "-netdev", f"user,id=net{owner},restrict=on", "-device", f"e1000e,netdev=net{owner}"]
    suffix = {"pci": "pci", "mmio": "device"}[bus]
    return ["-drive", f"file={disk},if=none,format=raw,id=disk{owner}", "-device", f"virtio-blk-{suffix},drive=disk{owner}",
            "-netdev", f"user,id=net{owner},restrict=on", "-device", f"virtio-net-{suffix},netdev=net{owner}"]


def check_cpus(shell: Shell, cpus: int) -> None:
    """Every CPU is online and has taken interrupts of its own timer."""
    line = shell.run("grep -w arch_timer /proc/interrupts", timeout=120)
    counts = [int(word) for word in line.split()[1 : cpus + 1] if word.isdecimal()]
    expect(len(counts) == cpus, f"/proc/interrupts has {len(counts)} CPUs of {cpus}: {line.strip()[:200]}")
    idle = [cpu for cpu, count in enumerate(counts) if count == 0]
    expect(not idle, f"CPUs {idle} have taken no timer interrupt")


def check_files(shell: Shell) -> None:
    shell.run("grep -q '^/dev/[a-z0-9]* /mnt ext4' /proc/mounts")
    shell.run("echo 3 >/proc/sys/vm/drop_caches; cd /mnt && sha256sum -c SHA256SUMS", timeout=120)


def check_network(shell: Shell) -> None:
    shell.run("ping -c 3 -W 20 10.0.2.2", timeout=120)


def check_msis(shell: Shell, queues: str = "virtio[0-9]+-req") -> None:
    """
    The disk on PCI interrupts by MSI-X through the ITS, from a queue for each CPU, and LPIs were off at boot. queues: the
    names of its queues' interrupts.
    """
    # The guest counts: with several VMs the lines of the others come amid longer texts.
    count = f"awk '/ITS.* {queues}/ {{n++; for (i = 2; $i !~ /ITS/; i++) sum += $i}} END {{print \"msis\", n + 0, sum + 0}}'"
    found = re.search(r"msis (\d+) (\d+)", shell.run(f"{count} /proc/interrupts"))
    cpus = re.search(r"\d+", shell.run("grep -c ^processor /proc/cpuinfo"))
    expect(bool(found and cpus), "the guest does not count its interrupts and CPUs")
    lines, taken = map(int, found.groups())
    expect(lines == int(cpus[0]), f"the disk has {lines} queues with an MSI through the ITS, on {cpus[0]} CPUs")
    expect(taken > 0, "no MSI of the disk has been taken")
    expect("Booted with LPIs enabled" not in shell.run("dmesg"), "the kernel found LPIs enabled when it booted")


def warnings(shell: Shell) -> set[str]:
    """The kernel's messages of level warning and worse, without what differs from boot to boot."""
    text = shell.run("dmesg -r | grep '^<[0-4]>'", timeout=120, check=False)
    messages = (re.sub(r"^<\d>\[[ \d.]+\] (?:\[ *[TC]\d+\] )?", "", line) for line in text.splitlines() if line.startswith("<"))
    return {re.sub(r"0x[0-9a-f]+|\b[0-9a-f]{8,}\b|\d+", "N", message) for message in messages
            if not OF_THE_EMULATOR.search(message)}


def wait_linux(console: Console, series: str, cpus: int) -> Shell:
    """Waits for the shell of that kernel on that many CPUs."""
    shell = Shell(console)
    booted, online = shell.wait(boot_seconds(cpus))
    expect(booted == release(series), f"Linux {booted} came up, expected was {release(series)}")
    expect(online == cpus, f"Linux {booted} has {online} of {cpus} CPUs online")
    check_cpus(shell, cpus)
    return shell


def power_off(console: Console, shell: Shell) -> None:
    shell.type("poweroff")
    outcome = console.wait_off(120)
    if outcome.status != Status.OFF:
        raise ConsoleError(f"poweroff did not switch the machine off: {outcome.sentence}")
