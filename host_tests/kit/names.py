"""Which names a module leaves on a board."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tools.images.compile import compile_mpy
from tools.sim import interpreter

_PROGRAM = """
import micropython, sys
sys.path.insert(0, {folder!r})
micropython.qstr_info(1)
import brought
print("said", brought.f())
micropython.qstr_info(1)
"""


def left_names(folder: Path, source: bytes) -> tuple[str, set[str]]:
    """What f() of a module says, and which names there are once it was called."""
    (folder / "brought.mpy").write_bytes(compile_mpy(source, "brought", folder))
    (folder / "main.py").write_text(_PROGRAM.format(folder=str(folder)))
    done = subprocess.run(
        [*interpreter.command(), str(folder / "main.py")],
        capture_output=True,
        text=True,
        check=True,
    )
    before, said, after = re.split(r"said (.*)\n", done.stdout)
    return said, set(after.splitlines()) - set(before.splitlines())
