# SPDX-License-Identifier: BSD-2-Clause
"""
Lines of the connected VM on a UART that several VMs share: one of another VM, or of Baton's, may break them in two. BREAK
is then in the place of the end, which may be none.
"""

import re

BREAK = "\x01"
BATON = "baton"


def broken(text: str) -> str:
    """A pattern for the text, which may be broken anywhere."""
    return f"{BREAK}?".join(map(re.escape, text))
