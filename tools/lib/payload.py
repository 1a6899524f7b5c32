# SPDX-License-Identifier: BSD-2-Clause
"""What a loader is given of a machine's images: one file that holds all, or a kernel and an initrd."""

from pathlib import Path

import bundle
from boot_images import Guest
from loaders import Payload
from start import Start


def payload(start: Start, guests: list[Guest], baton: Path | None, options: str, folder: Path) -> Payload:
    """baton = None: the first guest alone. options: Baton's own. folder: for files that last as long as the machine."""
    if not baton:
        return Payload(guests[0].kernel, guests[0].initrd, guests[0].append)
    options = f"baton.panic=semihosting {options}".strip()
    if start.whole():
        whole = folder / "baton.efi"
        whole.write_bytes(bundle.efi_bundle(baton, bundle.content(guests, options)))
        return Payload(whole)
    archive = folder / "bundle.cpio"
    archive.write_bytes(bundle.archive(bundle.content(guests, "")))
    # kexec, given no command line, takes the running kernel's.
    return Payload(baton, archive, options)
