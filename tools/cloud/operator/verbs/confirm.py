"""`confirm`: let the devices of a batch be told."""

from __future__ import annotations

import argparse

from tools.cloud.operator import show
from tools.cloud.operator.folder import CloudFolder
from tools.cloud.operator.verbs.batch import release, worded_release
from tools.cloud.ota.batches import BatchBook

NAME = "confirm"
HELP = """\
let the devices of a batch be told

Let devices be told that wait for it (batch --confirm)."""
EXAMPLES = """\
python -m tools.cloud confirm 3
python -m tools.cloud confirm 3 roof_1"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("batch", type=int, metavar="BATCH")
    parser.add_argument("names", nargs="*", metavar="DEVICE_NAME")


def run(options: argparse.Namespace) -> int:
    """0, also when nobody waited. Raises Refused."""
    book = CloudFolder(options.folder).book
    count = BatchBook(book).confirm(options.batch, options.names)
    counts, server = release(options.folder, options.batch, book)
    show.said(
        options,
        {"batch": options.batch, "confirmed": count, "counts": counts, "server": server},
        f"confirmed   {count}",
        *worded_release(counts, server),
    )
    return 0
