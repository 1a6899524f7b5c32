# SPDX-License-Identifier: BSD-2-Clause
"""A machine that Baton cannot run on says so on its UART, whatever that is, and comes to rest."""

import re
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import build
import device_tree
from console import Console
from machine import QEMU
from paths import ROOT
from testing import Test, expect

BOARDS = ROOT / "tests" / "system" / "boards"
VIRT = ["-M", "virt,virtualization=on,gic-version=3", "-cpu", "cortex-a72", "-m", "512M", "-smp", "2"]
GICV2 = "the interrupt controller is a GICv2: Baton needs a GICv3"
# How often the CPU is looked at when it should be at rest.
LOOKS = 20


@dataclass
class Board:
    """One of QEMU's machines with Baton alone, and a DTB if QEMU makes none. What Console needs of a Machine."""

    machine: list[str]
    dtb: Path | None = None
    options: str = ""
    serial: int = 0
    cpus: int = field(default=1, init=False)

    def command(self) -> list[str]:
        argv = [QEMU, *self.machine, "-nodefaults", "-display", "none", "-audio", "none", "-no-reboot",
                "-kernel", str(build.baton_image("debug"))]
        argv += ["-append", self.options] if self.options else []
        argv += ["-dtb", str(self.dtb)] if self.dtb else []
        return argv + ["-serial", "null"] * self.serial

    def description(self) -> str:
        return ""


def compiled(name: str, folder: Path) -> Path:
    dtb = folder / f"{name}.dtb"
    dtb.write_bytes(device_tree.run(["dtc", "-q", "-I", "dts", "-O", "dtb", str(BOARDS / f"{name}.dts")],
                                    f"dtc could not read {name}.dts"))
    return dtb


def changed_virt(change: list[str], folder: Path) -> Path:
    """QEMU's own DTB after fdtput."""
    dtb = folder / "virt.dtb"
    dtb.write_bytes(device_tree.qemus_own([QEMU, *VIRT, "-nodefaults", "-display", "none"]))
    subprocess.run(["fdtput", change[0], str(dtb), *change[1:]], check=True)
    return dtb


def is_at_rest(console: Console) -> bool:
    """An exception or a call that comes again and again is at another place one time or the other."""
    looks = (console.vm.qmp.monitor("info registers") for _ in range(LOOKS))
    return len({re.search(r"PC=([0-9a-f]+)", text).group(1) for text in looks}) == 1


def refuse(make: Callable[[Path], Board], sentence: str, log: Path) -> None:
    with tempfile.TemporaryDirectory() as folder, Console(make(Path(folder)), log) as console:
        console.expect_disaster(f"(?m)^baton: panic: refusing to boot: {re.escape(sentence)}\n", 120)
        # The last instruction before it sleeps may be yet to come.
        expect(any(is_at_rest(console) for _ in range(10)), "the CPU goes on after the refusal")
        text = console.transcript
        expect(text.count("panic") == 1, "there is more than one panic")


def virt(options: str, folder: Path) -> Board:
    return Board(["-M", "virt,virtualization=on,gic-version=2", *VIRT[2:]], options=options)


def broken_virt(change: list[str], options: str, folder: Path) -> Board:
    return Board(VIRT, changed_virt(change, folder), options)


def board(name: str, machine: list[str], options: str, serial: int, folder: Path) -> Board:
    return Board(machine, compiled(name, folder), options, serial)


def board_test(name: str, machine: list[str], proves: str, sentence: str, tree: str, options: str = "", serial: int = 0) -> Test:
    return Test(f"system/refusal/{name}", proves, partial(refuse, partial(board, tree, machine, options, serial), sentence))


SPIN_TABLE = "a CPU that is started by a method that Baton does not know"
PI4 = ["-M", "raspi4b"]

TESTS = [
    Test("system/refusal/gicv2", "a GICv2 is refused on virt's PL011",
         partial(refuse, partial(virt, "baton.panic=halt"), GICV2), quick=True),
    Test("system/refusal/cpus", "so is a DTB without /cpus",
         partial(refuse, partial(broken_virt, ["-r", "/cpus"], "baton.panic=halt"), "no /cpus")),
    board_test("raspi4b", PI4, "a Raspberry Pi 4 is refused on its mini UART, by stdout-path, and halts: no SMC where there is no EL3", SPIN_TABLE,
               "raspi4b", serial=1),
    board_test("raspi4b/pl011", PI4, "and on its PL011, by earlycon=", SPIN_TABLE, "raspi4b", "earlycon=pl011,0xfe201000"),
    board_test("raspi3b", ["-M", "raspi3b"], "a Raspberry Pi 3, which has no GIC, is refused on its mini UART",
               "no GICv3 interrupt controller", "raspi3b", serial=1),
    board_test("zcu102", ["-M", "xlnx-zcu102,virtualization=on", "-m", "2G", "-smp", "4"],
               "a ZynqMP is refused on its Cadence UART", GICV2, "zcu102", "baton.panic=halt"),
    board_test("imx8mp-evk", ["-M", "imx8mp-evk", "-m", "1G"],
               "an i.MX 8M Plus, where nothing is wrong, misses its kernel on the i.MX UART",
               "there is no kernel: put one into Baton's own file (tools/bundle), into an archive as initrd (tools/bundle --cpio), "
               "or into a multiboot,module (QEMU: -device guest-loader)",
               "imx8mp-evk", "baton.panic=halt", serial=1),
]
