"""Progress for a person: bars on a terminal, one line a step elsewhere."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn

from tools.cli import WARNING

_COLUMNS = (TextColumn("{task.description:<16}"), BarColumn(), DownloadColumn(binary_units=True))


class Screen:
    """Notes on stdout, bars on stderr. A context manager: the bars are gone afterwards.

    silent: nothing is shown, and what was to be warned of and noted is in `aside` alone.
    """

    def __init__(self, *, silent: bool = False) -> None:
        self.aside: list[str] = []
        self._silent = silent
        console = Console(stderr=True)
        quiet = silent or not sys.stderr.isatty()
        self._progress = Progress(*_COLUMNS, console=console, disable=quiet, transient=True)
        self._task: TaskID | None = None

    def __enter__(self) -> Screen:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def say(self, text: str) -> None:
        """One line on stdout."""
        if self._silent:
            return
        if self._progress.disable or not sys.stdout.isatty():
            print(text, flush=True)
        else:
            self._progress.console.print(text, highlight=False, markup=False)

    def warn(self, text: str) -> None:
        """A warning on stderr; the work goes on."""
        self._aside(f"{WARNING}{text}", "")

    def note(self, text: str) -> None:
        """On stderr what may be just as it is meant."""
        self._aside(text, "note: ")

    def _aside(self, text: str, mark: str) -> None:
        self.aside.append(text)
        if not self._silent:
            self._progress.console.print(
                mark + text, highlight=False, markup=False, soft_wrap=True
            )

    def begin(self, name: str, total: int | None) -> None:
        """A new step of `total` bytes (None: nobody knows) in place of the one before."""
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(name, total=total)

    def at(self, done: int) -> None:
        """How far the step is."""
        if self._task is not None:
            self._progress.update(self._task, completed=done)
