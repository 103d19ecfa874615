"""The folder that all commands share, as they see it with or without a running server."""

from __future__ import annotations

import sqlite3
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
    """What is kept at `path`: `files` of packages, the `store`, the `book` that adds to it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files = path / "files"
        try:
            self.files.mkdir(parents=True, exist_ok=True)
            self.store = CloudStore(path / "cloud.sqlite")
        except (OSError, sqlite3.Error) as exc:
            why = getattr(exc, "strerror", None) or exc
            raise Refused(
                f"cannot use the folder {path}: {why}", "Name another with --folder."
            ) from None
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
    if not (path / "cloud.sqlite").exists():
        raise Refused(
            f"there is nothing in {path} yet",
            "Begin with `device add`, or name another --folder.",
        )
    return kept(CloudFolder(path).store)
