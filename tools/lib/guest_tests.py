# SPDX-License-Identifier: BSD-2-Clause
"""
The bare-metal guests of tests/guests/table.toml as tests. One entry:

    [[test]]
    name = "smp"                    # unique
    proves = "every CPU comes up"   # one clause
    image = "smp"                   # BUILD/tests/guests/smp.img; takes the `append` string
    next = ["smp"]                  # further boot modules, in this order; none by default
    initrd = "smp"                  # an image that is the first guest's initrd; none by default
    archive = {kernel = "baton"}    # or: its initrd is a cpio archive of images ("baton" is Baton's), and of texts ("text:…")
    append = ""                     # bootargs of the first guest, and next_append of the others
    cpus = [1, 4]                   # each of these on …
    cpu = ["cortex-a76"]            # … each of these: so many runs
    memory = "1G"                   # default: by the number of CPUs
    baton = ""                      # Baton's options
    secure = false                  # two security states
    threads = "multi"               # or "single"
    qemu = []                       # further options of QEMU
    build = "debug"                 # or "release"
    quick = false                   # the first run is part of `tools/test --quick`
    soak = false                    # long: only by name
    alone = false                   # needs both cores of a small machine: no other test beside it
    timeout = 60                    # seconds
    status = "off"                  # how the machine ends: off, panic, reset, timeout; or ended: by this suite, as soon as
                                    # every VM has printed its closing lines
    ends = 1                        # how many guests of the host VM print one (0 when the machine ends otherwise)
    expect = ["regex", …]           # must be on the console in this order
    console = "a"                   # the VM that is connected; the host VM by default

    [[test.vms]]                    # a VM beside the host VM
    name = "a"
    cpus = "2-3,6"                  # of the machine's
    memory = "64M"
    image = "smp"                   # as above; append, next, next_append, initrd, too
    devices = ["/pl061@9030000"]    # full paths of nodes in the device tree
    slot = "16M"                    # default: Baton's
    on_reset = "restart"            # or "stop": what a reset with nothing staged does; default: Baton's
    ends = 1                        # how many guests of this VM print a closing line
    expect = ["regex", …]           # must be in this VM's own lines, in this order

    [[test.shared]]                 # memory that two VMs share
    name = "ring"
    size = "2M"
    vms = ["host", "a"]

A guest prints `ok: <check>` or `FAIL: <check>: <why>` for each check, `guest: N passed, N failed` at its end, then
calls PSCI SYSTEM_OFF, or reset where another guest is to follow. SYSTEM_OFF of the host VM ends the machine, whatever
the others do: where they may end later than it, its guest is told to `stay`, and the status is "ended". The lines of
all VMs but the connected one have the VM's name in front, "a: guest: 3 passed, 0 failed"; each VM is judged by its own.
They may come amid a line of the connected one: `expect` where there are VMs is for what others or Baton say.
"""

import tomllib
from functools import partial
from pathlib import Path

import build
import cpio
from console import Console
from errors import Status
from judge import by_vm, closing_lines, first_failure, judge_ends, judge_order
from machine import Guest, Machine
from paths import ROOT
from testing import Test, TestFailure, expect
from vm import Outcome
from vms import HOST, SharedMemory, VmSpec

TABLE = ROOT / "tests" / "guests" / "table.toml"
DEFAULTS = {
    "next": [], "initrd": None, "archive": {}, "append": "", "next_append": "", "cpus": [4], "cpu": ["cortex-a76"], "memory": None, "baton": "",
    "secure": False, "threads": "multi", "qemu": [], "build": "debug", "quick": False, "soak": False, "alone": False,
    "timeout": 60, "status": "off", "ends": None, "expect": [], "vms": [], "shared": [], "console": None,
}
REQUIRED = {"name", "proves", "image"}
VM_DEFAULTS = {"append": "", "next": [], "next_append": "", "initrd": None, "devices": [], "slot": None, "on_reset": None,
               "ends": 1, "expect": []}
VM_REQUIRED = {"name", "cpus", "memory", "image"}
SHARED_REQUIRED = {"name", "size", "vms"}
STATUSES = {"off": Status.OFF, "panic": Status.PANIC, "reset": Status.RESET, "timeout": Status.TIMEOUT,
            "ended": Status.INTERRUPTED}


def guest_tests() -> list[Test]:
    try:
        return [test for entry in tomllib.loads(TABLE.read_text())["test"] for test in runs(entry)]
    except (OSError, KeyError, ValueError) as error:
        return [Test("guest", "the table of bare-metal guests can be read", partial(unreadable, str(error)), quick=True)]


def unreadable(error: str, _: Path) -> None:
    raise TestFailure(f"{TABLE} cannot be used: {error}")


def runs(entry: dict) -> list[Test]:
    entry = whole(entry, f"entry {entry.get('name')}", DEFAULTS, REQUIRED)
    entry["vms"] = [whole(vm, f"entry {entry['name']}, VM {vm.get('name')}", VM_DEFAULTS, VM_REQUIRED) for vm in entry["vms"]]
    for region in entry["shared"]:
        whole(region, f"entry {entry['name']}, shared memory {region.get('name')}", {}, SHARED_REQUIRED)
    if entry["status"] not in STATUSES:
        raise ValueError(f"entry {entry['name']}: status is none of {', '.join(STATUSES)}")
    tests = []
    for cpus in entry["cpus"]:
        for cpu in entry["cpu"]:
            name = f"guest/{entry['name']}/{cpus}/{cpu.partition(',')[0]}"
            tests.append(Test(name, entry["proves"], partial(run, entry, cpus, cpu), quick=entry["quick"] and not tests,
                              soak=entry["soak"], alone=entry["alone"]))
    return tests


def whole(table: dict, what: str, defaults: dict, required: set[str]) -> dict:
    unknown = table.keys() - defaults.keys() - required
    missing = required - table.keys()
    if unknown or missing:
        raise ValueError(f"{what}: unknown {sorted(unknown)}, missing {sorted(missing)}")
    return defaults | table


def run(entry: dict, cpus: int, cpu: str, log: Path) -> None:
    baton = build.baton_image(entry["build"])
    folder = build.BUILD / entry["build"] / "tests" / "guests"
    initrd = make_archive(entry["archive"], folder, baton, log) if entry["archive"] else None
    machine = Machine(guests(folder, entry, initrd), baton, entry["baton"], cpus, entry["memory"], cpu, secure=entry["secure"],
                      single_thread=entry["threads"] == "single", reset_ends=True, extra=entry["qemu"],
                      vms=[vm_spec(folder, vm) for vm in entry["vms"]], console=entry["console"],
                      shared=[SharedMemory(it["name"], it["size"], tuple(it["vms"])) for it in entry["shared"]])
    with Console(machine, log) as console:
        if entry["status"] == "ended":
            console.wait_for(lambda text: all_ended(entry, text), entry["timeout"])
            console.end()
        outcome = console.wait_off(entry["timeout"])
    judge(entry, console.transcript, outcome)


def vm_spec(folder: Path, vm: dict) -> VmSpec:
    return VmSpec(vm["name"], vm["cpus"], vm["memory"], guests(folder, vm), devices=vm["devices"], slot=vm["slot"],
                  on_reset=vm["on_reset"])


def guests(folder: Path, entry: dict, initrd: Path | None = None) -> list[Guest]:
    """The first one and those that follow it, of a VM or of the entry itself."""
    follow = entry["next"] if isinstance(entry["next"], list) else [entry["next"]]
    if entry["initrd"]:
        initrd = folder / f"{entry['initrd']}.img"
    return [guest(folder, entry["image"], entry["append"], initrd),
            *(guest(folder, image, entry["next_append"]) for image in follow)]


def guest(folder: Path, name: str, append: str, initrd: Path | None = None) -> Guest:
    image = folder / f"{name}.img"
    expect(image.exists(), f"the build left no {image}")
    return Guest(image, initrd, append)


def make_archive(files: dict[str, str], folder: Path, baton: Path, log: Path) -> Path:
    archive = cpio.Archive()
    for name, source in files.items():
        text = source.removeprefix("text:")
        image = baton if source == "baton" else folder / f"{source}.img"
        archive.file(name, text.encode() if text != source else image.read_bytes())
    path = log.with_suffix(".cpio")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(archive.finish())
    return path


def wanted_ends(entry: dict) -> dict[str, int]:
    """By VM, how many closing lines it is to print."""
    host = entry["ends"] if entry["ends"] is not None else int(entry["status"] in ("off", "ended"))
    return {HOST: host} | {vm["name"]: vm["ends"] for vm in entry["vms"]}


def texts(entry: dict, console: str) -> dict[str, str]:
    return by_vm(console, [vm["name"] for vm in entry["vms"]], entry["console"] or HOST)


def all_ended(entry: dict, console: str) -> bool:
    wanted = wanted_ends(entry)
    # Asked for each piece of the console that comes, most are answered at once: all but the connected VM's lines are whole.
    if console.count("guest: ") < sum(wanted.values()) - wanted[entry["console"] or HOST]:
        return False
    text = texts(entry, console)
    return all(closing_lines(text[name]) >= count for name, count in wanted.items())


def judge(entry: dict, console: str, outcome: Outcome) -> None:
    """What the console showed matters first: it says more than the way QEMU ended."""
    text = texts(entry, console)
    for name in text:
        expect(not (found := first_failure(text[name])), f"{whose(entry, name)}{found}")
    expect(outcome.status == STATUSES[entry["status"]], f"{outcome.sentence} Expected was the status '{entry['status']}'.")
    for name, wanted in wanted_ends(entry).items():
        judge_ends(whose(entry, name), text[name], wanted)
    judge_order("", console, entry["expect"])
    for vm in entry["vms"]:
        judge_order(whose(entry, vm["name"]), text[vm["name"]], vm["expect"])


def whose(entry: dict, name: str) -> str:
    return f"VM {name}: " if entry["vms"] else ""
