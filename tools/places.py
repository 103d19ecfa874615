"""The files a person names: what is read, what must not be written over, what is in use."""

from __future__ import annotations

import argparse
import fcntl
import os
import stat
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tools.cli import Refused
from tools.texts import decoded


def read_input(path: Path) -> bytes:
    """The content of a file. Refused and OSError as `check_input`."""
    check_input(path)
    return path.read_bytes()


def check_input(path: Path) -> None:
    """Raise Refused for a pipe, a device or a folder: to read them hangs, or never ends.

    OSError, with the file's name, when it is not there.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        kind = "a folder" if path.is_dir() else "a pipe or a device"
        raise Refused(f"{path} is {kind}, not a file", "Name the file itself.")


def read_text(path: Path) -> str:
    """The text of a file, or of a pipe that a shell made for it. Raises Refused, by its name, when
    it is none; OSError.
    """
    return decoded(path.read_bytes(), path)


def read_stdin() -> str:
    """The text of standard input. Raises Refused where it is none."""
    return decoded(sys.stdin.buffer.read(), "standard input")


def output_path(text: str) -> Path:
    """An option's file to write, or folder. Raises ArgumentTypeError for a folder, by the slash at
    its end, that is not there: without the slash it would be a file.
    """
    if text.endswith(os.sep) and not os.path.isdir(text):
        raise argparse.ArgumentTypeError(f"there is no folder {text}: make it first")
    return Path(text)


def check_output(path: Path, inputs: Iterable[Path | None]) -> None:
    """Raise Refused when `path` is not a place to write to.

    inputs: the files and folders that are read; None for what was not given. Nothing is made here,
    also no folder: a mistyped path shall not succeed.
    """
    if not path.parent.is_dir():
        raise Refused(
            f"there is no folder {path.parent}", "Correct the path, or make the folder first."
        )
    if path.exists() and not path.is_file():
        raise Refused(f"{path} is there and is not a file", "Name another output.")
    for source in inputs:
        if source is None or not source.exists():
            continue  # what is not there is told by who reads it
        if path.exists() and os.path.samefile(source, path):
            raise Refused(f"{path} is also what is read", "Name another output: it would be lost.")
        if source.is_dir() and source.resolve() in path.resolve().parents:
            raise Refused(
                f"{path} lies in {source}, which is what is packed",
                "Name an output outside of it: the next build would pack it too.",
            )


class InUse(Refused):
    """A board runs on the flash file."""


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read. InUse when a board runs on it."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    with os.fdopen(fd, "wb") as out:
        lock(fd, path)
        os.fchmod(fd, 0o600)  # also a file that was there before
        out.truncate(0)
        out.write(data)


def lock(fd: int, path: Path) -> None:
    """Have an open file for one board, until it is closed. InUse when another one has it."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InUse(
            f"{path.name} is already running",
            "Stop that board first (Ctrl-C where it runs), or make a flash file for each board "
            "with python -m tools.sim create.",
        ) from None


def write_output(path: Path, data: bytes) -> None:
    """Write a file that appears whole or not at all. OSError, with the file's name."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(data)
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:  # Ctrl-C, too
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as exc:
        exc.filename = str(path)  # not the name that the file has meanwhile
        raise
