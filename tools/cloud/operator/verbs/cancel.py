"""`cancel`: end a batch, devices' part in it, or the task of one device."""

from __future__ import annotations

import argparse

from tools.cli import Refused
from tools.cloud.identity import Identity
from tools.cloud.operator import arguments, show
from tools.cloud.operator.folder import CloudFolder
from tools.cloud.ota.batches import BatchBook

NAME = "cancel"
HELP = """\
cancel a batch, or one device's task

Cancel a batch, or some devices' part in it; or the task of a device that was pushed alone. \
Devices are not told."""
EXAMPLES = """\
python -m tools.cloud cancel 3
python -m tools.cloud cancel 3 roof_1
python -m tools.cloud cancel a1B2c3D4e5F greenhouse_07"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("batch", metavar="BATCH|PRODUCT_KEY")
    parser.add_argument("names", nargs="*", metavar="DEVICE_NAME")
    arguments.module(parser)


def run(options: argparse.Namespace) -> int:
    """0, also when nothing was left to cancel in a batch. Raises Refused."""
    book = CloudFolder(options.folder).book
    if options.batch.isdecimal():
        count = BatchBook(book).cancel(int(options.batch), options.names)
        show.said(
            options,
            {"batch": int(options.batch), "task": None, "cancelled": count},
            f"cancelled   {count}",
        )
        return 0
    if len(options.names) != 1:
        raise Refused(
            "this names neither a batch by its number nor one device",
            "Say cancel BATCH, or cancel PRODUCT_KEY DEVICE_NAME.",
        )
    task = book.store.unfinished(Identity(options.batch, options.names[0]), options.module)
    if task is None:
        raise Refused(f"{options.batch}/{options.names[0]} has no task to cancel", "See `status`.")
    book.finish(task, "CANCELED", "cancelled by the operator")
    show.said(
        options,
        {"batch": task.batch, "task": task.id, "cancelled": 1},
        f"cancelled   {task.identity} to {task.version}",
    )
    return 0
