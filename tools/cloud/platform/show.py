"""What these commands print: columns without boxes, or JSON; a bar where a person looks on."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tools.cloud.shown import shown

Row = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--json."""
    parser.add_argument("--json", action="store_true", help="for programs")


def rows(options: argparse.Namespace, found: Sequence[Row], columns: Sequence[str]) -> None:
    """A list: with --json all that is known, else these columns, nothing cut."""
    if options.json:
        print(json.dumps(found, ensure_ascii=False))
        return
    table = [[_text(row.get(column)) for column in columns] for row in found]
    widths = [max([0, *(len(line[at]) for line in table)]) for at in range(len(columns))]
    for line in table:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        )


def one(options: argparse.Namespace, row: Row) -> None:
    """One thing: a line for each of what is known of it."""
    if options.json:
        print(json.dumps(row, ensure_ascii=False), flush=True)
        return
    width = max(len(key) for key in row)
    for key, value in row.items():
        if value not in (None, "", []):
            print(f"{key.replace('_', ' '):<{width}}  {_text(value)}", flush=True)


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return shown(", ".join(map(str, value)) if isinstance(value, list) else str(value))


@contextlib.contextmanager
def bar(options: argparse.Namespace, what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Something that is told of progress, and shows it on a terminal."""
    if options.json or not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

    with Progress(
        "{task.description}",
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as progress:
        task = progress.add_task(what, total=total)
        yield lambda count: progress.update(task, advance=count)
