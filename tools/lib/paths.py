# SPDX-License-Identifier: BSD-2-Clause
"""Where things are: the repository, the cache that setup.sh fills, the build folders."""

import os
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("BATON_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "baton")
BUILD = Path(os.environ.get("BATON_BUILD") or ROOT / "build")


def private_write(path: Path, data: bytes) -> None:
    """Writes a file whole or not at all, even when two processes or threads write it at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part-{os.getpid()}-{threading.get_ident()}")
    part.write_bytes(data)
    part.replace(path)
