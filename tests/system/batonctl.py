# SPDX-License-Identifier: BSD-2-Clause
"""What a Debian user touches: the module, /dev/baton and batonctl, from the shell of Debian's kernels."""

import json
import re
import struct
from functools import partial
from pathlib import Path

from build import baton_image
from console import Console, ConsoleError, Shell
from errors import Status
from initrd import initrd
from linux import check_disk, check_files, devices, linux, make_disk, power_off, release, wait_linux
from linux_tools import MODULE_IN_INITRD, linux_tools, make
from machine import Machine
from paths import BUILD, ROOT
from testing import Test, expect, run_command

import debian

KERNELS = ("6.1", "6.12")
INSMOD = f"insmod /{MODULE_IN_INITRD}"
# Reading and checking an image under emulation, on a busy machine.
LOAD_SECONDS = 120
# What refused.cpp tries.
RAW_CALLS = 11
STALL_LIMIT_US = 20_000
STALL_ATTEMPTS = 4


class Exit:
    """batonctl's exit statuses, as its help lists them."""

    DONE, FAILED, USAGE, NO_BATON, NOT_ALLOWED, NOTHING_STAGED, BUSY = range(7)


def other(series: str) -> str:
    return KERNELS[1 - KERNELS.index(series)]


def kernels_disk(log: Path, megabytes: int = 160, **files: Path) -> Path:
    """A disk with checksummed files, and both kernels with the initrds that hold the tools."""
    extra = dict(files)
    for series in KERNELS:
        kernel = debian.kernel(series)
        extra[f"vmlinuz-{series}"] = kernel.image
        extra[f"initrd-{series}"] = initrd(kernel, linux_tools(series))
    return make_disk(log.with_suffix(".img"), megabytes, extra)


def machine(series: str, cpus: int, disk: Path, options: str = "", append: str = "", **board) -> Machine:
    return Machine([linux(series, append, linux_tools(series))], baton_image("debug"), f"baton.report {options}".strip(), cpus,
                   reset_ends=True, extra=devices("pci", disk), **board)


def load_command(series: str, append: str) -> str:
    return f"batonctl load --kernel /mnt/vmlinuz-{series} --initrd /mnt/initrd-{series} {append}"


def batonctl(shell: Shell, arguments: str, status: int = Exit.DONE, says: str = "", timeout: float = LOAD_SECONDS,
             before: str = "") -> str:
    """Runs batonctl and judges exit status and words."""
    text = shell.run(f"{before} batonctl {arguments} 2>&1; echo \"<status:$?>\"", timeout)
    got = int(re.search(r"<status:(\d+)>", text).group(1))
    expect(got == status, f"'batonctl {arguments}' ended with status {got}, expected was {status}: {text.strip()[-300:]}")
    words = " ".join(text.split())
    expect(says in words, f"'batonctl {arguments}' does not say '{says}' but: {words[-300:]}")
    return text


def check_kernel(shell: Shell, series: str, append: str) -> None:
    """The initrd and the command line are those that were loaded."""
    expect(shell.run("cat /etc/initrd").strip() == f"of {release(series)}", f"not the initrd that belongs to {series}")
    line = shell.run("cat /proc/cmdline").strip()
    expect(line == append, f"the command line is '{line}', expected was '{append}'")


def check_trace(shell: Shell, cpus: int) -> None:
    """The table and the trace events tell of a handover of all CPUs."""
    table = batonctl(shell, "trace", says=f"parallel, {cpus} CPUs, 0 lost")
    expect(len(re.findall(r"^ *\d+  (?:led|followed) ", table, re.MULTILINE)) == cpus, f"not every CPU is in the table:\n{table}")
    text = batonctl(shell, "trace --json")
    events = json.loads(text[text.index("{") : text.rindex("}") + 1])["traceEvents"]
    tracks = {event["tid"] for event in events if event.get("cat") == "drain"}
    expect(tracks == set(range(cpus)), f"steps of CPUs {sorted(tracks)} are in the trace events, expected were {cpus} CPUs")
    spans = {event["name"]: event["dur"] for event in events if event.get("cat") == "phase"}
    expect(spans.keys() == {"drain", "gather", "take down", "enter"} and min(spans.values()) >= 0,
           f"the phases in the trace events are {spans}")


def swap(cpus: int, log: Path) -> None:
    """load -> exec -> load -> reboot, and with 8 CPUs -> load -> exec --now, each into the other kernel."""
    disk = kernels_disk(log)
    with Console(machine("6.1", cpus, disk), log) as console:
        series = "6.1"
        shell = wait_linux(console, series, cpus)
        ways = [("batonctl exec", "console=ttyAMA0 way=exec", "--append='console=ttyAMA0 way=exec'"),
                ("reboot", "console=ttyAMA0 way=exec way=reboot", "--reuse-cmdline --append way=reboot"),
                ("umount /mnt; sync; batonctl exec --now", "console=ttyAMA0", "--append=console=ttyAMA0")]
        for number, (way, line, append) in enumerate(ways if cpus == 8 else ways[:2], 1):
            check_files(shell)
            shell.run(f"dd if=/dev/urandom of=/mnt/file{number} bs=32k count=20 && cd /mnt && sha256sum file* >SHA256SUMS && sync",
                      timeout=120)
            shell.run(f"cd /; {INSMOD}")
            shell.run(load_command(other(series), append), LOAD_SECONDS + 2 * cpus)
            batonctl(shell, "status", says="swaps to it")
            shell.type(way)
            series = other(series)
            shell = wait_linux(console, series, cpus)
            check_kernel(shell, series, line)
            shell.run(INSMOD)
            batonctl(shell, "status", says=f"number {number}: {cpus} CPUs, 0 lost")
            batonctl(shell, "status", says="a real reset")
            check_trace(shell, cpus)
            shell.run("rmmod baton")
        check_files(shell)
        shell.run(INSMOD)
        batonctl(shell, "log", says="baton: ")
        power_off(console, shell)
    check_disk(disk)
    disk.unlink()


def wrong_kernels(folder: Path) -> dict[str, Path]:
    """Files that no Baton takes as a kernel."""
    folder.mkdir(parents=True, exist_ok=True)
    image = bytearray(debian.kernel("6.1").image.read_bytes())
    elf = folder / "elf"
    elf.write_bytes(b"\x7fELF" + bytes(100_000))
    big_endian = folder / "big-endian"
    image[24] |= 1  # flags, bit 0: the byte order
    big_endian.write_bytes(image)
    cut = folder / "cut"
    cut.write_bytes(b"MZ\0\0zimg" + struct.pack("<II", 4096, 1 << 20) + bytes(8) + b"zstd22".ljust(32, b"\0") + bytes(5000))
    return {"elf": elf, "big-endian": big_endian, "cut": cut}


def refusals(series: str, log: Path) -> None:
    """Each thing that a user may do wrong ends in its sentence and its exit status."""
    disk = kernels_disk(log, 288, **wrong_kernels(log.with_suffix(".kernels")))
    good = load_command(series, "--append=x").removeprefix("batonctl ")
    kernel = f"--kernel /mnt/vmlinuz-{series}"
    with Console(machine(series, 2, disk, "baton.slot=128M"), log) as console:
        shell = wait_linux(console, series, 2)
        batonctl(shell, "status", Exit.NO_BATON, "load the module")
        shell.run(INSMOD)
        batonctl(shell, "frobnicate", Exit.USAGE, "'frobnicate' is no command")
        batonctl(shell, "status", says="a real reset")
        batonctl(shell, "exec", Exit.NOTHING_STAGED, "Nothing is staged")
        batonctl(shell, "exec --now", Exit.NOTHING_STAGED, "Nothing is staged")
        batonctl(shell, "unload")
        batonctl(shell, "trace", Exit.FAILED, "There was no handover")
        batonctl(shell, "load --kernel /nowhere", Exit.FAILED, "/nowhere cannot be read: No such file")
        batonctl(shell, "load --kernel /mnt", Exit.FAILED, "it is no regular file")
        batonctl(shell, "load --kernel /mnt/elf", Exit.FAILED, "seems to be an ELF file")
        batonctl(shell, "load --kernel /mnt/big-endian", Exit.FAILED, "it is big-endian")
        batonctl(shell, "load --kernel /mnt/cut", Exit.FAILED, "is cut off")
        batonctl(shell, f"load {kernel} --append=$(printf %05000d 0)", Exit.FAILED, "longer than 4095 bytes")
        shell.run("dd if=/dev/zero of=/tmp/initrd bs=1M count=0 seek=200")
        batonctl(shell, f"load {kernel} --initrd /tmp/initrd", Exit.FAILED, "Take a smaller initrd, or start Baton with baton.slot=")
        batonctl(shell, good, Exit.NOT_ALLOWED, "CAP_SYS_BOOT", before="unshare -U -r")
        batonctl(shell, "status", says="a real reset")
        # kexec's spellings, and that nothing so far has left anything behind.
        batonctl(shell, "-S", 0)
        batonctl(shell, f"-l /mnt/vmlinuz-{series} --initrd=/mnt/initrd-{series} --command-line=x")
        batonctl(shell, "-S", 1, "swaps to it")
        batonctl(shell, "exec", Exit.NOT_ALLOWED, "CAP_SYS_BOOT", before="unshare -U -r")
        batonctl(shell, "exec --now", Exit.NOT_ALLOWED, "CAP_SYS_BOOT", before="unshare -U -r")
        # What the administrator can switch off for good: the first of the two is the one that is told.
        shell.run("mount -t securityfs securityfs /sys/kernel/security && echo integrity >/sys/kernel/security/lockdown")
        batonctl(shell, good, Exit.NOT_ALLOWED, "The kernel is locked down")
        shell.run("echo 1 >/proc/sys/kernel/kexec_load_disabled")
        batonctl(shell, good, Exit.NOT_ALLOWED, "kernel.kexec_load_disabled is 1")
        batonctl(shell, "-u", Exit.NOT_ALLOWED, "kernel.kexec_load_disabled is 1")
        batonctl(shell, "status", says="swaps to it")
        power_off(console, shell)
    disk.unlink()


def loads_are_off(log: Path) -> None:
    disk = kernels_disk(log)
    with Console(machine("6.12", 1, disk, "baton.load=off"), log) as console:
        shell = wait_linux(console, "6.12", 1)
        shell.run(INSMOD)
        batonctl(shell, "load --kernel /mnt/vmlinuz-6.12", Exit.NOT_ALLOWED, "baton.load=off")
        power_off(console, shell)
    disk.unlink()


def in_the_middle(shell: Shell, command: str) -> None:
    """Starts a load in the background, and waits until it is in progress; its process is $load."""
    shell.run(f"{command} >/dev/null 2>&1 & load=$!; for i in $(seq 400); do batonctl status | grep -q 'load is in progress' && "
              "break; usleep 10000; done; batonctl status | grep 'load is in progress'")


def careless(series: str, log: Path) -> None:
    """Killed loaders, double loads, many at once, a module that goes: each ends as a user would expect."""
    disk = kernels_disk(log)
    good = load_command(series, "--append='console=ttyAMA0 last'")
    with Console(machine(series, 4, disk), log) as console:
        shell = wait_linux(console, series, 4)
        shell.run(INSMOD)
        # An initrd of 64 MiB of holes: a load that takes long enough to be caught.
        shell.run("dd if=/dev/zero of=/tmp/initrd bs=1M count=0 seek=64")
        slow = f"batonctl load --kernel /mnt/vmlinuz-{series} --initrd /tmp/initrd"
        # A kernel that is staged goes when another load begins, and a killed load leaves nothing.
        shell.run(good, LOAD_SECONDS)
        in_the_middle(shell, slow)
        batonctl(shell, f"load --kernel /mnt/vmlinuz-{series}", Exit.BUSY, "Another batonctl is loading")
        batonctl(shell, "unload", Exit.BUSY, "Another batonctl is loading")
        batonctl(shell, "exec", Exit.NOTHING_STAGED)
        expect("can't unload" in shell.run("rmmod baton 2>&1", check=False), "the module went while a load was in progress")
        shell.run("kill -9 $load; wait $load; true")
        batonctl(shell, "status", says="staged nothing: `reboot` is a real reset")
        # Twice: the second counts.
        shell.run(load_command(other(series), "--append=first"), LOAD_SECONDS)
        first = batonctl(shell, "status", says="swaps to it")
        shell.run(good, LOAD_SECONDS)
        second = batonctl(shell, "status", says="swaps to it")
        expect(first != second, "the second load has not replaced the first")
        # The module takes the image with it: without the module a panic would start it.
        shell.run("rmmod baton")
        expect("dropped" in shell.run("dmesg | tail -2"), "the kernel's log does not tell that the image was dropped")
        batonctl(shell, "status", Exit.NO_BATON)
        shell.run(INSMOD)
        batonctl(shell, "exec", Exit.NOTHING_STAGED)
        # Many at once: whatever each is told, the module and Baton come out of it whole.
        shell.run("for i in $(seq 40); do batonctl status >/dev/null & done; "
                  f"for i in $(seq 6); do {good} >/tmp/load$i 2>&1 & done; for i in $(seq 20); do batonctl unload 2>/dev/null & "
                  "batonctl log >/dev/null & done; wait", 2 * LOAD_SECONDS)
        told = shell.run("cat /tmp/load*; true")
        odd = [line for line in told.splitlines()
               if line and not re.match(r"staged: |batonctl: (Another batonctl is loading|The load was dropped)", line)]
        expect(not odd, f"parallel loads say {odd[:3]}")
        expect("staged: " in told, "none of the parallel loads came through")
        shell.run("rmmod baton")
        shell.run(INSMOD)
        shell.run(good, LOAD_SECONDS)
        shell.type("batonctl exec")
        shell = wait_linux(console, series, 4)
        check_kernel(shell, series, "console=ttyAMA0 last")
        power_off(console, shell)
    disk.unlink()


def panic(choice: str, log: Path) -> None:
    """A panic with a kernel staged: a real reset, or a swap if the command line says so."""
    disk = kernels_disk(log)
    append = "panic=1" + (" baton.panic=fast" if choice == "fast" else "")
    # modprobe, unlike insmod, takes the module's parameters from the kernel's command line.
    modprobe = "cd /lib/modules && mkdir $(uname -r) && cp baton.ko $(uname -r) && cd $(uname -r) && depmod && modprobe baton"
    with Console(machine("6.12", 4, disk, append=append), log) as console:
        shell = wait_linux(console, "6.12", 4)
        shell.run(modprobe)
        expect(shell.run("cat /sys/module/baton/parameters/panic").strip() == choice, "the command line is not heard")
        shell.run(load_command("6.1", "--append=console=ttyAMA0"), LOAD_SECONDS)
        shell.type("echo c >/proc/sysrq-trigger")
        console.expect_disaster(r"Kernel panic - not syncing: sysrq triggered crash", 60)
        # What follows the panic on the console is more of the same disaster.
        if choice == "fast":
            console.expect_disaster(r"end Kernel panic|Rebooting in 1 seconds", 60)
            shell = wait_linux(console, "6.1", 4)
            check_kernel(shell, "6.1", "console=ttyAMA0")
            power_off(console, shell)
        else:
            outcome = console.wait_off(60)
            if outcome.status != Status.RESET:
                raise ConsoleError(f"the machine was not really reset: {outcome.sentence}")
    disk.unlink()


def guest_program(log: Path, name: str, compiler: str, *sources: str) -> Path:
    """A static program for the guest, of files in tests/system and in batonctl's folder."""
    program = log.with_suffix(f".{name}")
    paths = [source if source.startswith("-") else str(ROOT / source) for source in sources]
    run_command([compiler, "--target=aarch64-linux-gnu", "-O2", "-static", "-fuse-ld=lld", f"-I{ROOT}", "-o", str(program),
                 *paths], log, 120)
    return program


def raw_calls(log: Path) -> None:
    """Calls that batonctl never makes, with its sentences for what Baton says of them."""
    parts = (f"guest-api/batonctl/{part}.cpp" for part in ("device", "sentences", "text"))
    program = guest_program(log, "refused", "clang++-19", "-std=c++23", "tests/system/refused.cpp", *parts)
    with Console(Machine([linux("6.12", extra=linux_tools("6.12") | {"bin/refused": program})], baton_image("debug"), cpus=2,
                         reset_ends=True), log) as console:
        shell = wait_linux(console, "6.12", 2)
        shell.run(INSMOD)
        text = shell.run("refused", 120, check=False)
        failed = re.findall(r"^FAIL: .*", text, re.MULTILINE)
        expect(not failed, f"{len(failed)} calls are not refused as they should be, the first: {failed[0] if failed else ''}")
        expect(len(re.findall(r"^ok: ", text, re.MULTILINE)) == RAW_CALLS, f"not all {RAW_CALLS} calls were made: {text[-300:]}")
        batonctl(shell, "status", says="a real reset")
        power_off(console, shell)


def big_initrd(log: Path) -> None:
    """
    200 MiB are loaded while a loop spins on the other CPU. The build machine may take a CPU from QEMU at any time, which
    looks like a stall: so the best of some attempts counts. What Baton or the module did would show in each.
    """
    disk = kernels_disk(log, 448, stall=guest_program(log, "stall", "clang-19", "tests/system/stall.c"))
    with Console(machine("6.12", 2, disk, "baton.slot=384M", memory="2G"), log) as console:
        shell = wait_linux(console, "6.12", 2)
        shell.run(INSMOD)
        shell.run("dd if=/dev/urandom of=/mnt/big bs=1M count=200; cp /mnt/stall /tmp; chmod 755 /tmp/stall; "
                  "echo -1 >/proc/sys/kernel/sched_rt_runtime_us; cat /mnt/big /mnt/vmlinuz-6.12 >/dev/null", timeout=120)
        stalls = []
        for _ in range(STALL_ATTEMPTS):
            text = shell.run("/tmp/stall 1 6 & taskset 1 batonctl load --kernel /mnt/vmlinuz-6.12 --initrd /mnt/big; wait", 300)
            expect(re.search(r"loading: .* of 2\d\d\.\d MiB \(50 %\)", text) is not None, f"no progress is told: {text[-300:]}")
            expect("staged: " in text, "the image was not staged")
            stalls.append(int(re.search(r"longest stall: (\d+) us", text).group(1)))
            if stalls[-1] < STALL_LIMIT_US:
                break
        expect(min(stalls) < STALL_LIMIT_US, f"the other CPU stood still for {stalls} us")
        batonctl(shell, "status", says="swaps to it")
        power_off(console, shell)
    disk.unlink()


def above_nothing(series: str, log: Path) -> None:
    """Without Baton below, the module says so and does not load."""
    with Console(Machine([linux(series, extra=linux_tools(series))], None, cpus=2, reset_ends=True), log) as console:
        shell = wait_linux(console, series, 2)
        expect("No such device" in shell.run(f"{INSMOD} 2>&1", check=False), "insmod does not say 'No such device'")
        expect("this kernel does not run above Baton" in shell.run("dmesg"), "the module does not say why it does not load")
        batonctl(shell, "status", Exit.NO_BATON, "It loads only where Baton is below the kernel")
        power_off(console, shell)


def module_is_clean(series: str, log: Path) -> None:
    """Compiled anew with the kernel's own warnings and sparse."""
    folder = BUILD / "linux" / f"{series}-checked"
    linux_tools(series)
    run_command(["rm", "-rf", str(folder)], log, 60)
    run_command(["cp", "-r", str(BUILD / "linux" / series), str(folder)], log, 60)
    run_command(["find", str(folder), "-name", "*.o", "-delete"], log, 60)
    make(series, folder, log, "W=1", "C=2")
    text = log.read_text()
    expect("CHECK" in text and "load.c" in text, "sparse did not run")
    found = re.findall(r".*(?:warning|error): .*", text)
    expect(not found, f"{len(found)} warnings, the first: {found[0] if found else ''}")


def host(log: Path) -> None:
    """6.1 above Baton -> another Baton with 6.12 above it -> 6.1 in the place of that Baton, at EL2."""
    cpus = 4
    disk = kernels_disk(log, baton=baton_image("debug"))
    with Console(machine("6.1", cpus, disk, "baton.deadline=10000"), log) as console:
        shell = wait_linux(console, "6.1", cpus)
        shell.run(INSMOD)
        batonctl(shell, "exec --host", Exit.NOTHING_STAGED)
        batonctl(shell, "load --host --kernel /mnt/baton --append 'baton.report baton.deadline=10000' "
                        "--module '/mnt/vmlinuz-6.12:console=ttyAMA0 life=2' --module /mnt/initrd-6.12",
                 says="in the place of Baton, with 2 modules")
        batonctl(shell, "exec", Exit.FAILED, says="batonctl exec --host")
        batonctl(shell, "status", says="an image in the place of Baton")
        shell.type("umount /mnt; batonctl exec --host")
        console.expect(r"baton: Baton \S+: 4 CPUs", 60)
        shell = wait_linux(console, "6.12", cpus)
        check_kernel(shell, "6.12", "console=ttyAMA0 life=2")
        check_files(shell)
        shell.run(INSMOD)
        batonctl(shell, "status", says="none since Baton booted")
        batonctl(shell, "load --host --kernel /mnt/vmlinuz-6.1 --initrd /mnt/initrd-6.1 --append 'console=ttyAMA0 life=3'",
                 says="in the place of Baton, with 0 modules")
        shell.type("umount /mnt; reboot")
        shell = wait_linux(console, "6.1", cpus)
        check_kernel(shell, "6.1", "console=ttyAMA0 life=3")
        check_files(shell)
        shell.run("dmesg | grep 'kvm.*VHE mode initialized'")
        expect("does not run above Baton" in shell.run(f"{INSMOD} 2>&1; dmesg | tail -n 3", check=False),
               "the module finds a Baton where there is none any more")
        power_off(console, shell)
    check_disk(disk)
    disk.unlink()


TESTS = [
    Test("system/batonctl/host", "load --host and exec --host: another Baton takes over, and then a Debian at EL2 with KVM", host),
    *(Test(f"build/module/{series}", f"the module for {series} compiles without a warning of W=1 or sparse",
           partial(module_is_clean, series)) for series in KERNELS),
    *(Test(f"system/batonctl/swap/{cpus}", f"load, then exec or reboot: the other kernel on {cpus} CPUs with its own "
           "initrd and command line, files intact, the handover in trace and status", partial(swap, cpus),
           quick=cpus == 1, soak=cpus > 8, alone=cpus > 8) for cpus in (1, 8, 80)),
    *(Test(f"system/batonctl/refusals/{series}", f"in {series} each refusal is a sentence with its exit status; who may is who "
           "may kexec_load", partial(refusals, series)) for series in KERNELS),
    *(Test(f"system/batonctl/careless/{series}", f"in {series} killed, double and parallel loads and a removed module leave a "
           "machine that can load", partial(careless, series), soak=series == "6.1") for series in KERNELS),
    Test("system/batonctl/load-off", "with baton.load=off every load is refused", loads_are_off),
    Test("system/batonctl/raw", "calls in the wrong order, of the wrong size or with the wrong digest have their sentences too",
         raw_calls),
    Test("system/batonctl/panic/reset", "a panic drops the staged kernel: a real reset", partial(panic, "reset")),
    Test("system/batonctl/panic/fast", "with baton.panic=fast a panic swaps to it", partial(panic, "fast")),
    Test("system/batonctl/big", "200 MiB load with progress, and the other CPU never stands still for 20 ms", big_initrd,
         alone=True),
    Test("system/batonctl/above-nothing", "without Baton the module says so and does not load", partial(above_nothing, "6.1")),
]
