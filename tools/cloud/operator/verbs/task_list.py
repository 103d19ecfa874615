"""`task list`: what devices have to do, and had."""

from __future__ import annotations

import argparse

from tools.cloud.operator import arguments, listing, show
from tools.cloud.operator.folder import snapshot

NAME = "task list"
HELP = "the tasks, the oldest first"
EXAMPLES = """\
python -m tools.cloud task list
python -m tools.cloud task list --state FAILED --json
python -m tools.cloud task list --batch 3"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    arguments.maybe_product(parser)
    parser.add_argument("--state", choices=listing.STATES, help="only these")
    parser.add_argument("--batch", type=int, metavar="BATCH", help="only those of this batch")


def run(options: argparse.Namespace) -> int:
    """0. Raises Refused."""
    found = [
        one
        for one in listing.tasks(snapshot(options.folder))
        if options.product_key in (None, one["product"])
        and options.state in (None, one["state"])
        and options.batch in (None, one["batch"])
    ]
    columns = ("task", "product", "device", "from", "version", "state", "progress", "why")
    show.rows(
        options,
        found,
        columns,
        "task",
        product=options.product_key,
        state=options.state,
        batch=options.batch,
    )
    return 0
