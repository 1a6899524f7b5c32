# SPDX-License-Identifier: BSD-2-Clause
"""tools/bundle: Baton and its guests' images in one file that any loader starts."""

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import cpio
import options
import pe
from boot_images import Guest
from build import HYPERVISOR, baton_image
from errors import Status, Stop, run_tool
from image import read_head
from paths import private_write

DESCRIPTION = """\
Makes one file of Baton and the images that it boots: an arm64 Image and an EFI application at once, which UEFI firmware,
GRUB, systemd-boot, U-Boot (booti, bootefi), kexec and QEMU (-kernel) start alike. With --cpio it is the images alone, as
an archive to be given to baton.img as its initrd."""

EPILOG = """\
The loader's command line, if it has any word that does not begin with 'baton.', takes the place of the first kernel's
(under Secure Boot nothing does). Words that begin with 'baton.' are Baton's, and are added to those of --option.

exit status:
  0    FILE is written
  1    set-up or build failed
  2    the options make no sense, or a file is not what it should be

examples:
  tools/bundle --kernel Image --initrd initrd.img --append 'console=ttyAMA0 root=/dev/vda' -o baton.efi
  tools/bundle --kernel debian-6.1 --next-kernel debian-6.12 --option baton.slot=256M -o baton.efi
  tools/bundle --cpio --kernel Image --initrd initrd.img --append console=ttyAMA0 -o bundle.cpio
"""

# hyp/platform/platform.hpp
MOST_IMAGES = 8
MOST_TEXT = 20 << 10
FIRST_SECTIONS = (".linux", ".initrd", ".cmdline")
LATER_SECTIONS = (".linux{}", ".initrd{}", ".cmdlin{}")
LINUX_RELEASE = re.compile(rb"Linux version ([0-9][^ \0]*) ")


@dataclass
class Next:
    kernel: str
    initrd: str | None = None
    append: str | None = None


class NextImage(argparse.Action):
    """--next-initrd and --next-append belong to the --next-kernel before them."""

    def __call__(self, parser, namespace, value, option_string=None):
        images = namespace.next_images = list(namespace.next_images)
        field = option_string.removeprefix("--next-")
        if field == "kernel":
            images.append(Next(value))
        elif not images or getattr(images[-1], field) is not None:
            raise Stop(f"{option_string} belongs to a --next-kernel in front of it, once.", Status.USAGE)
        else:
            setattr(images[-1], field, value)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools/bundle", description=DESCRIPTION, epilog=EPILOG, allow_abbrev=False,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernel", required=True, metavar="FILE", help=options.KERNEL_HELP)
    parser.add_argument("--initrd", metavar="FILE", help="its initrd")
    parser.add_argument("--append", metavar="STRING", help="its command line")
    for name, what in ("kernel", "the kernel to stage at boot; may be given again, for baton.rotate"), \
                      ("initrd", "its initrd"), ("append", "its command line"):
        parser.add_argument(f"--next-{name}", action=NextImage, dest="next_images", default=[],
                            metavar="STRING" if name == "append" else "FILE", help=what)
    parser.add_argument("--option", action="append", default=[], metavar="STRING",
                        help="options of Baton's own: \"baton.slot=128M …\"")
    parser.add_argument("--cpio", action="store_true", help="the images alone, as an archive to load beside baton.img")
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="FILE", help="where it goes")
    parser.add_argument("--baton-image", type=Path, metavar="FILE", help="use this baton.img and build nothing")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--debug", action="store_const", const="debug", dest="kind", help="use a debug build of Baton")
    kind.add_argument("--release", action="store_const", const="release", dest="kind",
                      help="use a release build of Baton (default)")
    return parser.parse_args()


@dataclass(frozen=True)
class Content:
    """The images' bytes: of each a kernel, an initrd or nothing, a command line or nothing."""

    images: list[tuple[bytes, bytes, bytes]]
    options: bytes


def read(file: Path) -> bytes:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise Stop(f"{file} cannot be read: {error.strerror}.", Status.USAGE) from None
    if not data:
        raise Stop(f"{file} is empty.", Status.USAGE)
    return data


def content(guests: list[Guest], option_words: str) -> Content:
    if len(guests) > MOST_IMAGES:
        raise Stop(f"a bundle has no more than {MOST_IMAGES} kernels.", Status.USAGE)
    for word in option_words.split():
        if not word.startswith("baton."):
            raise Stop(f"'{word}' is no option of Baton: they begin with 'baton.'. A kernel's go to --append.", Status.USAGE)
    images = [(read(guest.kernel), read(guest.initrd) if guest.initrd else b"", guest.append.encode()) for guest in guests]
    if sum(len(text) for *_, text in images) + 2 * len(option_words) > MOST_TEXT:
        raise Stop(f"the command lines are longer than the {MOST_TEXT} bytes that Baton keeps.", Status.USAGE)
    return Content(images, option_words.encode())


def os_release(release: str | None) -> bytes:
    """What systemd-boot's menu shows, and sorts by (os-release(5))."""
    pretty = "Baton" + (f", Linux {release}" if release else "")
    version = f"VERSION_ID={release}\n" if release else ""
    return f'ID=baton\nNAME=Baton\nPRETTY_NAME="{pretty}"\n{version}'.encode()


def linux_release(kernel: bytes) -> str | None:
    found = LINUX_RELEASE.search(kernel)
    return found.group(1).decode(errors="replace") if found else None


def efi_bundle(baton: Path, what: Content) -> bytes:
    """Sections as in a unified kernel image (the UAPI group's specification), and Baton's own."""
    image = pe.Image(read(baton), str(baton))
    if any(section.name == FIRST_SECTIONS[0] for section in image.sections):
        raise Stop(f"{baton} is a bundle already. Give a baton.img.", Status.USAGE)
    release = linux_release(what.images[0][0])
    parts = [(".osrel", os_release(release)), (".uname", (release or "").encode()), (".batopt", what.options)]
    for number, parts_of_image in enumerate(what.images, 1):
        names = FIRST_SECTIONS if number == 1 else (name.format(number) for name in LATER_SECTIONS)
        parts += zip(names, parts_of_image)
    for name, data in parts:
        if data:
            image.add(name, data)
    return image.finish()


def archive(what: Content) -> bytes:
    result = cpio.Archive()
    if what.options:
        result.file("options", what.options)
    for number, parts in enumerate(what.images):
        folder = ("", "next/")[number] if number < 2 else f"next{number}/"
        if folder:
            result.directory(folder.rstrip("/"))
        for name, data in zip(("kernel", "initrd", "cmdline"), parts):
            if data:
                result.file(folder + name, data)
    return result.finish()


def main() -> Status:
    args = parse()
    guests = [options.guest(args.kernel, args.initrd, args.append)]
    guests += [options.guest(image.kernel, image.initrd, image.append) for image in args.next_images]
    what = content(guests, " ".join(args.option))
    if args.cpio:
        result = archive(what)
    else:
        if args.baton_image:
            read_head(args.baton_image, "Baton image")
        result = efi_bundle(args.baton_image or baton_image(args.kind or "release", HYPERVISOR), what)
    try:
        private_write(args.output, result)
    except OSError as error:
        raise Stop(f"{args.output} cannot be written: {error.strerror}.", Status.USAGE) from None
    print(f"bundle: {args.output}: {len(what.images)} kernel{'s' if len(what.images) > 1 else ''}, "
          f"{len(result) >> 20} MiB", file=sys.stderr)
    return Status.OFF


if __name__ == "__main__":
    run_tool(main)
