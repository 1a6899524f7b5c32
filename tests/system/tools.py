# SPDX-License-Identifier: BSD-2-Clause
"""tools/run and tools/demo as a person calls them: what they print where, and how they end."""

import re
import subprocess
from functools import partial
from pathlib import Path

from errors import Status
from paths import ROOT
from testing import Test, expect


def call(tool: str, *arguments: str, log: Path, timeout: float, typed: str = "") -> subprocess.CompletedProcess:
    argv = [str(ROOT / "tools" / tool), *arguments]
    try:
        done = subprocess.run(argv, input=typed, capture_output=True, text=True, errors="replace", timeout=timeout)
    except subprocess.TimeoutExpired as error:
        log.write_bytes((error.stdout or b"") + (error.stderr or b""))
        raise
    with open(log, "a") as file:
        file.write(f"$ {' '.join(argv)}\n{done.stdout}{done.stderr}status {done.returncode}\n")
    return done


def wrong_use(log: Path) -> None:
    """Each refusal is one sentence on stderr, and nothing is on stdout."""
    elf = call("run", "--kernel", "/bin/true", log=log, timeout=60)
    expect(elf.returncode == Status.USAGE and "ELF" in elf.stderr, "an ELF file is not refused as a kernel")
    missing = call("run", "--kernel", "/nowhere/Image", log=log, timeout=60)
    expect(missing.returncode == Status.USAGE and "/nowhere/Image" in missing.stderr, "a missing kernel is not named")
    initrd = call("run", "--initrd", "/nowhere/initrd", log=log, timeout=60)
    expect(initrd.returncode == Status.USAGE and "/nowhere/initrd" in initrd.stderr, "a missing initrd is not named")
    backwards = call("run", "--timeout", "-1", log=log, timeout=60)
    expect(backwards.returncode == Status.USAGE and "time limit" in backwards.stderr, "a time limit of -1 s is not refused")
    pentium = call("run", "--cpu", "pentium", log=log, timeout=300)
    expect(pentium.returncode == Status.USAGE and "cortex-a76" in pentium.stderr, "a CPU that the board has not is not refused")
    vm = call("run", "--vm", "a=cpus:0-3,memory:64M,kernel:debian-6.1", log=log, timeout=300)
    expect(vm.returncode == Status.USAGE and "left for the host VM" in vm.stderr, "a VM that takes all CPUs is not refused")
    lonely = call("run", "--next-initrd", "/bin/true", log=log, timeout=60)
    expect(lonely.returncode == Status.USAGE, "an initrd without its kernel is not refused")
    many = call("run", "--cpus", "513", log=log, timeout=300)
    expect(many.returncode == Status.USAGE and "512" in many.stderr, "513 CPUs are not refused")
    small = call("run", "--memory", "128M", log=log, timeout=300)
    expect(small.returncode == Status.USAGE and "--memory" in small.stderr, "too little memory is not explained")
    tables = call("run", "--acpi", log=log, timeout=60)
    expect(tables.returncode == Status.USAGE and "EDK2" in tables.stderr, "ACPI tables without EDK2 are not refused")
    loader = call("run", "--loader", "booti", "--firmware", "edk2", log=log, timeout=60)
    expect(loader.returncode == Status.USAGE and "u-boot" in loader.stderr, "a loader that the firmware has not is not refused")
    shared = call("run", "--firmware", "edk2", "--shared", "q=size:1M,vms:host", log=log, timeout=600)
    expect(shared.returncode == Status.USAGE, "what only a device tree describes is not refused with firmware")
    refusals = (tables, loader, shared, elf, missing, initrd, backwards, pentium, vm, lonely, many, small)
    expect(not any(done.stdout for done in refusals), "a refusal prints on stdout")


def limits(log: Path) -> None:
    """A time limit and an option that QEMU refuses have statuses of their own, and the last line says which."""
    late = call("run", "--timeout", "3", log=log, timeout=300)
    expect(late.returncode == Status.TIMEOUT and "time limit" in late.stderr.splitlines()[-1], "a time-out is not told")
    card = call("run", "--timeout", "3", "--", "-netdev", "user,id=n", "-device", "virtio-net-pci,netdev=n", log=log, timeout=300)
    expect(card.returncode == Status.TIMEOUT and "rom" not in card.stderr, "a network card of the user's own wants a ROM file")
    refused = call("run", "--", "-no-such-option", log=log, timeout=300)
    expect(refused.returncode == Status.QEMU and "QEMU" in refused.stderr.splitlines()[-1], "QEMU's refusal is not told")


def clean_end(log: Path) -> None:
    """busybox as the first process, told to switch the machine off at once."""
    done = call("run", "--append", "console=ttyAMA0 rdinit=/bin/busybox -- poweroff -f", log=log, timeout=600)
    expect(done.returncode == Status.OFF, f"tools/run ended with status {done.returncode} after SYSTEM_OFF")
    expect("Linux version 6.1" in done.stdout, "the guest's console is not on stdout")
    expect("run: " not in done.stdout and "switched the machine off" in done.stderr.splitlines()[-1],
           "tools/run's own words are not on stderr alone")


def demo(cpus: int, log: Path, *, kernels: int = 4, options: tuple[str, ...] = ()) -> str:
    """The demo's output, after what all its forms have in common was found there."""
    done = call("demo", "--cpus", str(cpus), *options, log=log, timeout=900 + 20 * cpus)
    expect(done.returncode == Status.OFF, f"tools/demo ended with status {done.returncode}")
    expect(len(re.findall(rf"{cpus} of {cpus} CPUs online", done.stdout)) == kernels, "not every kernel has shown all CPUs")
    expect(len(re.findall("every file on the disk is as it was", done.stdout)) == kernels, "the disk was not checked in each kernel")
    return done.stdout


def demo_swaps(cpus: int, log: Path) -> None:
    shown = demo(cpus, log)
    expect(len(re.findall(r"^handover \d$", shown, re.MULTILINE)) == 3, "not every handover is reported")
    for row in (rf"CPUs +{cpus}$", r"blackout +[\d,.]+ us", r"1 drain", r"2 gather", r"3 take down", r"slowest CPU|enter"):
        expect(re.search(row, shown, re.MULTILINE) is not None, f"the table has no row like '{row}'")


def demo_host(log: Path) -> None:
    shown = demo(4, log, kernels=3, options=("--host",))
    expect("VHE mode initialized" in shown, "the last kernel did not show that it has KVM")
    for row in (r"Baton, above it Linux 6\.12 +4 ", r"Linux at EL2, 6\.1 +4 "):
        expect(re.search(row, shown) is not None, f"the table has no row like '{row}'")


def demo_server(log: Path) -> None:
    shown = demo(8, log, options=("--server",))
    expect(len(re.findall(r"^handover \d$", shown, re.MULTILINE)) == 3, "not every handover is reported")


TESTS = [
    Test("tools/run/wrong-use", "tools/run refuses what makes no sense in one sentence", wrong_use),
    Test("tools/run/limits", "a time-out and a refusal by QEMU are told apart", limits),
    Test("tools/run/off", "SYSTEM_OFF ends tools/run with status 0; stdout is the guest's console", clean_end),
    Test("tools/demo/1", "the demo passes on one CPU", partial(demo_swaps, 1), soak=True),
    Test("tools/demo/4", "the demo passes on four CPUs", partial(demo_swaps, 4)),
    Test("tools/demo/host", "so does the demo that replaces Baton itself", demo_host),
    Test("tools/demo/server", "so does the demo on a server: EDK2, ACPI, NVMe, 8 CPUs", demo_server, soak=True),
    Test("tools/demo/80", "the demo passes on 80 CPUs", partial(demo_swaps, 80), soak=True, alone=True),
]
