# SPDX-License-Identifier: BSD-2-Clause
"""What QEMU is to be: one virtual board, Baton on it, and guests as boot modules. Gives QEMU's command line."""

from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path

from errors import Status, Stop

QEMU = "qemu-system-aarch64"
MIB = 1 << 20
RAM_START = 0x40000000
# QEMU puts Baton at RAM_START + 2 MiB and the DTB at RAM_START + 128 MiB; the modules follow.
MODULES_START = RAM_START + 160 * MIB
MODULE_ALIGN = 2 * MIB
MAX_CPUS = 512
MAX_LINUX_CPUS = 128
# From here on Linux under multi-threaded emulation spins for minutes in its own locks on a small build machine.
SINGLE_THREAD_CPUS = 32


@dataclass(frozen=True)
class Guest:
    """A kernel (raw arm64 Image), its initrd and its command line."""

    kernel: Path
    initrd: Path | None = None
    append: str = ""

    def is_linux(self) -> bool:
        """Linux's Image begins like a PE file, for its EFI stub."""
        with open(self.kernel, "rb") as file:
            return file.read(2) == b"MZ"


@dataclass
class Machine:
    """baton = None: QEMU itself boots the first guest, with nothing below it, at EL1 or where `el2` says."""

    guests: list[Guest]
    baton: Path | None = None
    options: str = ""
    cpus: int = 4
    memory: str | None = None
    cpu: str = "cortex-a76"
    _: KW_ONLY
    secure: bool = False
    el2: bool = False
    single_thread: bool | None = None
    reset_ends: bool = False
    extra: list[str] = field(default_factory=list)

    def command(self) -> list[str]:
        """All but the console, which is its user's business."""
        if not 1 <= self.cpus <= MAX_CPUS:
            raise Stop(f"{self.cpus} CPUs are not possible: QEMU's board has 1 to {MAX_CPUS}.", Status.USAGE)
        argv = [QEMU, "-M", self.board(), "-cpu", self.cpu, "-smp", str(self.cpus), "-m", f"{self.ram() // MIB}M"]
        argv += ["-accel", f"tcg,thread={'single' if self.threads_are_single() else 'multi'}"]
        argv += ["-nodefaults", "-display", "none"]
        argv += ["-no-reboot"] if self.reset_ends else []
        argv += self.with_baton() if self.baton else self.without_baton()
        return argv + self.extra

    def board(self) -> str:
        board = "virt,gic-version=3"
        if self.baton or self.el2:
            board += ",virtualization=on"
        return board + (",secure=on" if self.secure else "")

    def ram(self) -> int:
        """Bytes. Linux takes the more memory for itself the more CPUs it has."""
        return parse_size(self.memory) if self.memory else (1 if self.cpus <= 16 else 2) << 30

    def threads_are_single(self) -> bool:
        if self.single_thread is not None:
            return self.single_thread
        return self.cpus >= SINGLE_THREAD_CPUS and any(guest.is_linux() for guest in self.guests)

    def with_baton(self) -> list[str]:
        options = f"baton.panic=semihosting {self.options}".strip()
        argv = ["-semihosting-config", "enable=on,target=native", "-kernel", str(self.baton), "-append", options]
        address = MODULES_START
        for guest in self.guests:
            bootargs = f",bootargs={escaped(guest.append)}" if guest.append else ""
            argv += ["-device", f"guest-loader,addr={address:#x},kernel={escaped(guest.kernel)}{bootargs}"]
            address = self.after(address, guest.kernel)
            if guest.initrd:
                argv += ["-device", f"guest-loader,addr={address:#x},initrd={escaped(guest.initrd)}"]
                address = self.after(address, guest.initrd)
        return argv

    def after(self, address: int, file: Path) -> int:
        end = address + file.stat().st_size
        if end > RAM_START + self.ram():
            raise Stop(f"{self.ram() // MIB} MiB of RAM do not hold all images: {file} would end {end - RAM_START:#x} "
                       "bytes above the RAM's start. Give more with --memory.", Status.USAGE)
        return -(-end // MODULE_ALIGN) * MODULE_ALIGN

    def without_baton(self) -> list[str]:
        guest = self.guests[0]
        initrd = ["-initrd", str(guest.initrd)] if guest.initrd else []
        return ["-kernel", str(guest.kernel), "-append", guest.append, *initrd]


def escaped(value) -> str:
    """A comma inside a value of a QEMU option is written twice."""
    return str(value).replace(",", ",,")


def parse_size(text: str) -> int:
    """Bytes; like QEMU's -m: a plain number is in MiB."""
    units = {"M": MIB, "G": 1 << 30, "T": 1 << 40}
    number, unit = (text[:-1], text[-1].upper()) if text[-1:].isalpha() else (text, "M")
    if unit not in units or not number.isdecimal():
        raise Stop(f"'{text}' is no memory size. Write 512M or 4G.", Status.USAGE)
    return int(number) * units[unit]
