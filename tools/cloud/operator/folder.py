"""The folder that all commands share, as they see it with or without a running server."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.cli import Refused
from tools.cloud import control
from tools.cloud.clock import Clock
from tools.cloud.ota.tasks import TaskBook
from tools.cloud.records import Records
from tools.cloud.rows import history, kept
from tools.cloud.store import CloudStore


class CloudFolder:
    """What is kept at `path`: `files` of packages, the `store`, the `book` that adds to it.

    Raises Refused where there is nothing yet, unless it is to be made (`make`: beginning()).
    """

    def __init__(self, path: Path, *, make: bool = False) -> None:
        self.path = path
        if not make:
            check_begun(path)
        self.files = path / "files"
        try:
            self.files.mkdir(parents=True, exist_ok=True)
            self.store = CloudStore(path / "cloud.sqlite")
        except (OSError, sqlite3.Error) as exc:
            raise unusable(path, exc) from None
        clock = Clock()
        self.book = TaskBook(self.store, clock, Records(clock.time))

    def task(self, number: int) -> dict[str, Any]:
        """A task with its history, as rows.history tells it. Raises Refused."""
        try:
            return history(self.store, number)
        except KeyError:
            raise Refused(f"there is no task {number}", "`task list` shows them.") from None


def snapshot(path: Path) -> dict[str, Any]:
    """What the server says, or what the store says when none runs. Raises Refused."""
    answer = control.ask(path, "snapshot")
    if answer is not None:
        return answer
    return kept(CloudFolder(path).store)


def check_begun(path: Path) -> None:
    """Raise Refused for a folder in which nobody has begun: to look into it does not make it."""
    if not (path / "cloud.sqlite").exists():
        raise Refused(
            f"there is nothing in {path} yet",
            "Begin with `device add`, or name another --folder.",
        )


def unusable(path: Path, error: Exception) -> Refused:
    """What is told of a folder that cannot be written to, or is none."""
    why = getattr(error, "strerror", None) or error
    return Refused(f"cannot use the folder {path}: {why}", "Name another with --folder.")


@contextlib.contextmanager
def beginning(path: Path) -> Iterator[None]:
    """A folder may be made meanwhile; what fails then leaves none behind that was not there."""
    missing = [one for one in (path, *path.parents) if not one.exists()]
    try:
        yield
    except BaseException:
        if missing:
            shutil.rmtree(path, ignore_errors=True)
            with contextlib.suppress(OSError):  # somebody else uses it: it stays
                for parent in missing[1:]:
                    parent.rmdir()
        raise
