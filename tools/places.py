"""The files a person names: what is read, and what must not be written over."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from tools.cli import Refused


def read_input(path: Path) -> bytes:
    """The content of a file. Refused for a pipe, a device or a folder: they hang, or never end.

    OSError, with the file's name, when it is not there.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        kind = "a folder" if path.is_dir() else "a pipe or a device"
        raise Refused(f"{path} is {kind}, not a file", "Name the file itself.")
    return path.read_bytes()


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
