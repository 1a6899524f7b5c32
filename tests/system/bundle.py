# SPDX-License-Identifier: BSD-2-Clause
"""Baton with its guests' images in one file: the file's headers, and boots of it by QEMU and by UEFI firmware."""

import re
from functools import partial
from pathlib import Path

import bundle
from build import baton_image
from console import Console
from firmware import edk2
from linux import linux, power_off, wait_linux
from loaders import Payload
from machine import Machine
from testing import Test, expect, run_command

READOBJ = "llvm-readobj-19"
SERIES = ("6.1", "6.12")
CPUS = 2
HEADER = {"Machine": "IMAGE_FILE_MACHINE_ARM64 (0xAA64)", "Magic": "0x20B", "Subsystem": "IMAGE_SUBSYSTEM_EFI_APPLICATION (0xA)",
          "SectionAlignment": "4096", "SizeOfHeaders": "4096", "BaseOfCode": "0x1000", "ImageBase": "0x0",
          "BaseRelocationTableSize": "0x0"}
ACCESS = {".text": {"EXECUTE", "READ"}, ".rodata": {"READ"}, ".data": {"READ", "WRITE"}}


def content() -> bundle.Content:
    return bundle.content([linux(series) for series in SERIES], "baton.panic=semihosting baton.report")


def boot(log: Path, separate: bool, uefi: bool, append: str = "", command_line: str = "console=ttyAMA0") -> None:
    """Both kernels run, with the command lines that they are meant to have."""
    baton = baton_image("debug")
    log.parent.mkdir(parents=True, exist_ok=True)
    file = log.with_suffix(".bundle")
    file.write_bytes(bundle.archive(content()) if separate else bundle.efi_bundle(baton, content()))
    payload = Payload(baton, file, append) if separate else Payload(file, None, append)
    # Without ACPI's tables the firmware passes QEMU's DTB on.
    machine = Machine([], baton, cpus=CPUS, memory="2G", reset_ends=True, payload=payload, firmware=edk2() if uefi else None,
                      acpi=False)
    with Console(machine, log) as console:
        shell = wait_linux(console, SERIES[0], CPUS)
        found = shell.run("cat /proc/cmdline").strip()
        expect(found == command_line, f"the first kernel's command line is '{found}', expected was '{command_line}'")
        shell.type("reboot")
        shell = wait_linux(console, SERIES[1], CPUS)
        found = shell.run("cat /proc/cmdline").strip()
        expect(found == "console=ttyAMA0", f"the second kernel's command line is '{found}'")
        power_off(console, shell)
        notes = re.findall(r"baton: note: .*", console.transcript)
        expect(not notes, f"Baton has something to note: {notes}")
        expect("Freeing initrd memory" in console.transcript, "no kernel has let go of its initrd")
    file.unlink()


def fields(text: str) -> dict[str, str]:
    return {name: value for name, value in re.findall(r"^\s*(\w+): (.+)$", text, re.M)}


def headers(log: Path) -> None:
    """As somebody else's reader of PE files sees them."""
    log.parent.mkdir(parents=True, exist_ok=True)
    baton = baton_image("debug")
    log.unlink(missing_ok=True)
    run_command([READOBJ, "--file-headers", "--sections", str(baton)], log, 60)
    text = log.read_text()
    head, _, table = text.partition("Sections [")
    found = fields(head.partition("DOSHeader {")[0])
    for name, value in HEADER.items():
        expect(found.get(name) == value, f"{name} is {found.get(name)}, expected was {value}")
    expect("IMAGE_DLL_CHARACTERISTICS_NX_COMPAT" in head, "the image does not say that it can do without executable data")
    sections = {fields(part)["Name"].partition(" ")[0]: part for part in table.split("Section {")[1:]}
    expect(list(sections) == list(ACCESS), f"the sections are {list(sections)}")
    end = int(found["SizeOfHeaders"])
    for name, part in sections.items():
        section = fields(part)
        address, size = int(section["VirtualAddress"], 16), int(section["VirtualSize"], 16)
        expect(address == end == int(section["PointerToRawData"], 16), f"{name} does not begin where the one before it ends")
        access = set(re.findall(r"IMAGE_SCN_MEM_(\w+)", part))
        expect(access == ACCESS[name], f"{name} is for {access}")
        end = address + size
    expect(end == int(found["SizeOfImage"]), "SizeOfImage is not the last section's end")
    entry, text_end = int(found["AddressOfEntryPoint"], 16), int(fields(sections[".rodata"])["VirtualAddress"], 16)
    expect(0x1000 <= entry < text_end, f"the entry point {entry:#x} is not in .text")


def refused(log: Path) -> None:
    """Firmware at EL1: a sentence on its console, and it goes on to what else it has to start."""
    machine = Machine([], baton_image("debug"), cpus=1, reset_ends=True, payload=Payload(baton_image("debug")),
                      firmware=edk2(), acpi=False, extra=["-machine", "virtualization=off"])
    with Console(machine, log) as console:
        console.expect(r"Baton does not start: the firmware runs at EL1, and Baton needs EL2", 120)
        console.expect(r"BdsDxe: (?:loading|starting) Boot\d+", 120)


def boot_test(name: str, proves: str, **how) -> Test:
    return Test(f"system/bundle/{name}", proves, partial(boot, **how))


TESTS = [
    Test("system/bundle/headers", "baton.img is a PE file with pages that are written or executed, never both", headers,
         quick=True),
    boot_test("archive", "an archive as initrd brings the kernels; the loader's words are the first one's",
              separate=True, uefi=False, append="console=ttyAMA0 given baton.slot=256M",
              command_line="console=ttyAMA0 given"),
    boot_test("efi-archive", "UEFI firmware offers an archive as initrd, and Baton finds the kernels there",
              separate=True, uefi=True, append="console=ttyAMA0 given", command_line="console=ttyAMA0 given"),
    Test("system/bundle/el1", "firmware at EL1 is told why Baton does not start, and starts something else", refused),
]
