"""What the commands of both ends print: columns without boxes, or JSON; a bar where a person
looks on. Nothing is cut, whatever is at the other end of standard output.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tools.cli import as_json, json_option, worded
from tools.cloud.printable import shown
from tools.terminal import painted, watched

Row = dict[str, Any]

STATES = {
    "CONFIRM": "magenta",
    "QUEUED": "",
    "NOTIFIED": "yellow",
    "IN_PROGRESS": "cyan",
    "SUCCEEDED": "green",
    "FAILED": "red",
    "CANCELED": "",
    "ONLINE": "green",
    "STOPPED": "red",
}

add_arguments = json_option


def rows(
    options: argparse.Namespace,
    found: Sequence[Row],
    columns: Sequence[str],
    what: str,
    **of: str | int | None,
) -> None:
    """A list: with --json all that is known, else these columns.

    Of an empty one people are told that there is no such thing (`what`), or none of what was asked
    for: `of` has the words and values of the filters, None for those that were not given.
    """
    if options.json:
        print(as_json(found), flush=True)
        return
    for line in table(found, columns):
        print(line)
    if not found:
        asked = ", ".join(f"{word} {value}" for word, value in of.items() if value is not None)
        told = f"there is no {what} of {asked}" if asked else f"there is no {what} yet"
        print(text(told), file=sys.stderr)


def table(found: Sequence[Row], columns: Sequence[str], *, indent: str = "") -> list[str]:
    """Lines of columns, each as wide as its widest cell; below a head where a person looks on, and
    never in a pipe.
    """
    cells = [[text(row.get(column)) for column in columns] for row in found]
    head = bool(found) and watched()
    if head:
        cells.insert(0, [column.replace("_", " ") for column in columns])
    widths = [max([0, *(len(line[at]) for line in cells)]) for at in range(len(columns))]
    lines = []
    for number, line in enumerate(cells):
        colours = ["dim"] * len(line) if head and not number else map(_colour, line)
        parts = [
            painted(cell, colour) + " " * (width - len(cell))
            for cell, width, colour in zip(line, widths, colours, strict=True)
        ]
        lines.append(indent + "  ".join(parts).rstrip())
    return lines


def one(options: argparse.Namespace, row: Row) -> None:
    """One thing: a line for each of what is known of it."""
    said(options, row, *fields(row))


def fields(row: Row) -> list[str]:
    """A line for each of what is known of a thing; below a list's name its rows."""
    width = max(len(key) for key in row)
    lines = []
    for key, value in row.items():
        if isinstance(value, list) and value and isinstance(value[0], Mapping):
            lines.append(key.replace("_", " "))
            lines += table(value, list(value[0]), indent="  ")
        elif value not in (None, "", [], {}):
            told = text(value)
            lines.append(f"{key.replace('_', ' '):<{width}}  {painted(told, _colour(told))}")
    return lines


def said(options: argparse.Namespace, row: Row | list[Row], *lines: str) -> None:
    """A thing for programs, or what people are told of it."""
    if options.json:
        print(as_json(row), flush=True)
        return
    for line in lines:
        print(worded(line), flush=True)


def warned(options: argparse.Namespace, cause: str, advice: str = "") -> None:
    """Something that does not end the command, on stderr; with --json as what is refused."""
    if options.json:
        told = {"error": worded(cause), "advice": worded(advice)}
        print(as_json(told), file=sys.stderr, flush=True)
    else:
        print(worded(f"{cause}. {advice}" if advice else cause), file=sys.stderr, flush=True)


def cautioned(options: argparse.Namespace, text: str) -> None:
    """A warning of two sentences, if there is one."""
    if text:
        cause, _, advice = text.partition(". ")
        warned(options, f"warning: {cause}", advice)


def text(value: Any) -> str:
    """A cell: "-" for what is not known, and nothing of it talks to a terminal."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        value = [f"{key} {what}" for key, what in value.items()]
    return shown(", ".join(map(str, value)) if isinstance(value, list) else str(value))


def _colour(told: str) -> str:
    return STATES.get(told, "")


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
