"""Names for pseudo-terminals that nothing else ever has.

A name like /dev/pts/3 is given again as soon as the terminal is gone: what still looks for the
board of one test would find that of another one, which may be of another worker.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def lend(terminal: int) -> str:
    """A path that leads to this open terminal, until give_back()."""
    path = Path(tempfile.mkdtemp(prefix="port-")) / "ttyUSB"
    path.symlink_to(os.ttyname(terminal))
    return str(path)


def give_back(name: str) -> None:
    """Nothing has this name any more, as when a board is unplugged."""
    path = Path(name)
    path.unlink()
    path.parent.rmdir()
