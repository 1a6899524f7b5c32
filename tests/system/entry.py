# SPDX-License-Identifier: BSD-2-Clause
"""An image at EL2 finds every CPU and the GIC after a host kexec as it would after a cold boot."""

import re
import tempfile
from functools import partial
from pathlib import Path

import build
import cpio
from console import Console
from errors import Status
from gdb_remote import GdbRemote
from machine import Guest, Machine
from testing import Test, expect

CPUS = 4
# Compared is everything that the image prints. What may differ, and why:
MAY_DIFFER: dict[str, str] = {}

State = dict[str, str]


def dump(machine: Machine, log: Path) -> dict[str, State]:
    """By CPU ("boot 0x0", "other 0x1"): register -> value."""
    with Console(machine, log) as console:
        outcome = console.wait_off(60)
        text = console.transcript
    expect(outcome.status == Status.OFF and "dump: end" in text, f"the image did not come to its end: {outcome.sentence}")
    states: dict[str, State] = {}
    for line in text[text.index("dump: boot") :].splitlines():
        if match := re.fullmatch(r"dump: (boot|other) CPU (0x[0-9a-f]+)", line):
            states[f"{match.group(1)} {match.group(2)}"] = state = {}
        elif match := re.fullmatch(r"([A-Z]\S+[^:]) (\S+)", line):
            state[match.group(1)] = match.group(2)
    expect(len(states) == machine.cpus, f"{len(states)} CPUs of {machine.cpus} told their state")
    return states


def image() -> Path:
    build.baton_image("debug")
    return build.BUILD / "debug" / "tests" / "el2" / "dump.img"


def cold(cpu: str, log: Path) -> dict[str, State]:
    return dump(Machine([Guest(image())], cpus=CPUS, cpu=cpu, el2=True, reset_ends=True), log.with_suffix(".cold.log"))


def after(boot_cpu: int, cpu: str, options: str, log: Path) -> dict[str, State]:
    """Host kexec by that CPU."""
    baton = build.baton_image("debug")
    files = cpio.Archive()
    files.file("kernel", image().read_bytes())
    archive = log.with_suffix(".cpio")
    archive.parent.mkdir(parents=True, exist_ok=True)
    archive.write_bytes(files.finish())
    guest = Guest(build.BUILD / "debug" / "tests" / "guests" / "host.img", archive, f"on={boot_cpu}")
    states = dump(Machine([guest], baton, f"baton.deadline=5000 {options}".strip(), CPUS, cpu=cpu, reset_ends=True), log)
    archive.unlink()
    return states


def compare(found: State, wanted: State, whose: str) -> None:
    differ = {name: (found.get(name), wanted.get(name)) for name in found.keys() | wanted.keys()
              if found.get(name) != wanted.get(name) and name not in MAY_DIFFER}
    expect(not differ, f"{whose}: {len(differ)} registers are not as after a cold boot, (found, cold): {differ}")
    expect(len(found) > 80, f"{whose}: only {len(found)} registers were printed")


def measure(log: Path) -> None:
    """From the exec to the image's first instructions, with all CPUs switched off or waiting: of a few runs the shortest."""
    took = {}
    for options in ("baton.park=off", "baton.park=wfe"):
        runs = []
        for _ in range(5):
            after(1, "cortex-a76", options, log)
            text = log.read_text(errors="replace")
            begin = int(re.search(r"exec at (\d+) ticks", text).group(1))
            end, rate = map(int, re.search(r"entered at (\d+) ticks of (\d+) a second", text).groups())
            runs.append((end - begin) * 1e6 / rate)
        took[options] = min(runs)
    with open(log, "a") as file:
        file.write("".join(f"{options}: {us:.0f} us on {CPUS} CPUs\n" for options, us in took.items()))
    expect(all(0 < us < 5e6 for us in took.values()), f"a host kexec took {took} us")


def boot_cpus(cpu: str, log: Path) -> None:
    """Each CPU takes its turn as the boot CPU."""
    wanted = cold(cpu, log)["boot 0x0"]
    for number in range(CPUS):
        states = after(number, cpu, "", log)
        compare(states[f"boot {number:#x}"], wanted, f"boot CPU {number} of {cpu}")


def waiting_cpus(cpu: str, log: Path) -> None:
    """baton.park=wfe: the others come as they were left, through no firmware that would reset them."""
    wanted = cold(cpu, log)
    states = after(1, cpu, "baton.park=wfe", log)
    for whose in ("other 0x0", "other 0x2", "other 0x3"):
        # As a boot CPU's: the firmware that starts CPUs gives them values of its own.
        reference = {name: value for name, value in wanted["boot 0x0"].items()
                     if not name.startswith("GICD_") and not name.startswith("SPIs-")}
        compare(states[whose], reference, f"{whose} of {cpu}")


def switched_off(cpu: str, log: Path) -> None:
    """The CPUs that the firmware switched off keep the registers that they had at CPU_OFF, until it starts them again."""
    wanted = {name: int(value, 16) for name, value in cold(cpu, log)["boot 0x0"].items()
              if re.fullmatch(r"\w+_EL[12]", name) and value.startswith("0x")}
    build.baton_image("debug")
    with tempfile.TemporaryDirectory() as folder:
        stub = Path(folder) / "gdb"
        files = cpio.Archive()
        files.file("kernel", image().read_bytes())
        files.file("append", b"hold")
        archive = Path(folder) / "archive"
        archive.write_bytes(files.finish())
        guest = Guest(build.BUILD / "debug" / "tests" / "guests" / "host.img", archive, "on=1")
        machine = Machine([guest], build.baton_image("debug"), "baton.deadline=5000", CPUS, cpu=cpu, reset_ends=True,
                          extra=["-gdb", f"unix:{stub},server=on,wait=off"])
        with Console(machine, log) as console:
            console.expect("dump: hold", 60)
            remote = GdbRemote(stub)
            threads = remote.threads()
            expect(len(threads) == CPUS, f"the gdbstub tells of {len(threads)} CPUs")
            states = {number: remote.registers(thread, set(wanted)) for number, thread in enumerate(threads) if number != 1}
            remote.close()
    for number, found in states.items():
        differ = {name: (hex(value), hex(wanted[name])) for name, value in found.items() if value != wanted[name]}
        expect(not differ, f"CPU {number} of {cpu} went off with other registers than at a cold boot, (found, cold): {differ}")
        expect(len(found) > 40, f"the gdbstub showed only {len(found)} registers")


TESTS = [Test(f"system/entry/boot/{cpu}", "each CPU in turn is the boot CPU of an EL2 image, with the registers of a cold boot",
              partial(boot_cpus, cpu), quick=cpu == "cortex-a76") for cpu in ("cortex-a53", "cortex-a76", "neoverse-n1", "max")]
TESTS += [Test(f"system/entry/wfe/{cpu}", "so are the others, where they wait in a spin table", partial(waiting_cpus, cpu))
          for cpu in ("cortex-a53", "cortex-a76", "neoverse-n1", "max")]
TESTS += [Test(f"system/entry/off/{cpu}", "so are those that went off, at their CPU_OFF", partial(switched_off, cpu))
          for cpu in ("cortex-a53", "cortex-a76", "neoverse-n1", "max")]
TESTS += [Test("system/entry/park", "a host kexec is measured with CPUs switched off and with CPUs waiting", measure)]
