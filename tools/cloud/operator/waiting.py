"""Waiting for the end of a task: a bar on a terminal, a line for each change elsewhere."""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from tools import exit_codes
from tools.cli import Refused
from tools.cloud.operator import show
from tools.cloud.operator.show import Row
from tools.cloud.printable import shown
from tools.cloud.store import UNFINISHED
from tools.terminal import painted

_EVERY_S = 0.25
_CODE = re.compile(r"E\d+ ")  # a board's own error, behind which its own advice stands
_ADVICE = (
    (
        "no result within",
        "See whether it has power and its network, or give it more --timeout-min",
    ),
    ("which is neither", "Another program is on the board than was: ask it with flash.py status"),
    ("overridden", "Another push took its place"),
    ("cancelled", "Push again if it still has to be done"),
    ("has not finished", "Wait for that, or use --override"),
)
_OTHERWISE = "What it means: docs/troubleshooting.md"


def wait(
    options: argparse.Namespace,
    look: Callable[[], Row],
    limit_s: float | None,
    clock: Any = time,
) -> int:
    """0 when the task has succeeded, exit_codes.UNFINISHED when it has not ended in time.

    `look` gives the task as a row. Raises Refused, with the reason and advice, when it has failed
    or was cancelled.
    """
    began, before = clock.monotonic(), None
    try:
        with _shown(options) as tell:
            while True:
                row = look()
                if row != before:
                    before = row
                    tell(row)
                late = limit_s is not None and clock.monotonic() - began >= limit_s
                if late or row["state"] not in UNFINISHED:
                    break
                clock.sleep(_EVERY_S)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("stopped by Ctrl-C; the task goes on") from None
    if row["state"] == "SUCCEEDED":
        return 0
    if row["state"] in UNFINISHED:
        why = f"not finished after {limit_s:g} s: {row['state']}; the task goes on"
        todo = f"`task show {row['task']}` tells how far it is, `task history` how it went."
        show.warned(options, f"{_name(row)}: {why}", todo)
        return exit_codes.UNFINISHED
    raise Refused(f"{_name(row)} {row['state']}: {_why(row)}", _advice(row))


def _advice(row: Row) -> str:
    why = row["why"] or ""
    told = _OTHERWISE
    if not _CODE.match(why):
        told = next((text for what, text in _ADVICE if what in why), _OTHERWISE)
    return f"{told}. How it went: task history {row['task']}."


def _why(row: Row) -> str:
    return shown(row["why"] or "no reason was given").rstrip(".")


def _name(row: Row) -> str:
    return f"{row['product']}/{row['device']} to {row['version']}"


def _line(row: Row) -> str:
    step = "" if row["progress"] is None else f"{row['progress']:>4}"
    told = [painted(row["state"], show.STATES[row["state"]]), step, shown(row["why"] or "")]
    return "  ".join(one for one in told if one)


@contextlib.contextmanager
def _shown(options: argparse.Namespace) -> Iterator[Callable[[Row], None]]:
    if options.json or not sys.stdout.isatty():
        yield lambda row: show.said(options, row, _line(row))
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(highlight=False, markup=False)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[why]}", markup=False),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("", total=100, why="")
        last: list[Row] = []

        def tell(row: Row) -> None:
            last[:] = [row]
            done = min(100, max(0, row["progress"] or 0))
            name = f"{row['device']} to {row['version']}  {row['state']}"
            progress.update(bar, description=name, completed=done, why=shown(row["why"] or ""))

        yield tell
    for row in last:
        print(_line(row))
