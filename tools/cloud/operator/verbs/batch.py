"""`batch`: upgrade many devices."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tools.cloud import control, kept_files
from tools.cloud.operator import arguments, listing, show
from tools.cloud.operator.folder import CloudFolder
from tools.cloud.ota.batches import RATE_MAX, BatchBook, Terms
from tools.cloud.ota.tasks import TaskBook
from tools.cloud.printable import shown
from tools.cloud.store import Task

NAME = "batch"
HELP = """\
upgrade many devices

Upgrade many devices of a product: all of them, or those of --device or --source. The terms are \
the platform's."""
EXAMPLES = """\
python -m tools.cloud batch a1B2c3D4e5F 1.1.0 --rate 10 --timeout-min 60
python -m tools.cloud batch a1B2c3D4e5F 1.1.0 --source 1.0.0 --dynamic
python -m tools.cloud batch a1B2c3D4e5F 1.1.0 --device roof_1 --device roof_2 \\
       --retry-after-min 10 --retry-times 2"""

_NAMES = 5  # of devices, in a line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    arguments.product(parser)
    arguments.version(parser)
    arguments.module(parser)
    arguments.chosen(parser)
    arguments.terms(parser)
    arguments.retries(parser)
    parser.add_argument(
        "--rate", type=int, metavar="N", help=f"tell N devices a minute, 1 to {RATE_MAX}"
    )
    arguments.telling(parser, "confirm")


def run(options: argparse.Namespace) -> int:
    """0 when there is a batch, of which the server has pushed what it allows. Raises Refused."""
    folder = CloudFolder(options.folder)
    book = folder.book
    kept_files.check_all(
        folder.files, book.release(options.product_key, options.module, options.version)
    )
    terms = Terms(
        devices=tuple(options.device),
        sources=tuple(options.sources),
        timeout_min=options.timeout_min,
        retry_after_min=options.retry_after_min,
        retry_times=options.retry_times,
        confirm=options.confirm,
        override=options.override,
        rate=options.rate,
        push=not options.no_push,
    )
    made = BatchBook(book).add(
        options.product_key, options.version, terms, module=options.module, dynamic=options.dynamic
    )
    kind = "dynamic" if made.dynamic else "static"
    counts, server = release(options.folder, made.id, book)
    told = [f"batch       {made.id}: {made.product_key} to {made.version}, {kind}"]
    told += _failed(book.store.tasks("batch = ? and state = ?", made.id, "FAILED"))
    if options.confirm and (made.dynamic or "CONFIRM" in counts):
        told.append(f"No device is told before you confirm it: confirm {made.id}")
    show.said(
        options,
        {
            "batch": made.id,
            "product": made.product_key,
            "module": made.module,
            "version": made.version,
            "kind": kind,
            "counts": counts,
            "server": server,
        },
        told[0],
        *worded_release(counts, server),
        *told[1:],
    )
    return 0


def _failed(tasks: list[Task]) -> list[str]:
    """For people: why devices have failed already, reason by reason."""
    whose: dict[str, list[str]] = {}
    for task in tasks:
        whose.setdefault(task.desc, []).append(task.identity.device_name)
    lines = []
    for why, names in whose.items():
        more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
        lines.append(f"failed      {', '.join(names[:_NAMES])}{more}: {shown(why)}")
    if lines:
        lines.append("Wait for what has not finished, or cancel it with --override.")
    return lines


def release(folder: Path, number: int, book: TaskBook) -> tuple[dict[str, int], bool]:
    """Have the server push what a batch allows: how far that is, and whether a server runs."""
    answer: Any = control.ask(folder, "release", batch=number)
    return book.store.counts(number), answer is not None


def worded_release(counts: dict[str, int], server: bool) -> list[str]:
    """The same for people."""
    told = [f"devices     {listing.counted(counts)}"]
    if not server:
        told.append("No server runs in this folder: start it with `serve`; the batch is kept.")
    return told
