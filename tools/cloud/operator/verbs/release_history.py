"""`release history`: who was to get a package."""

from __future__ import annotations

import argparse

from tools.cloud import rows
from tools.cloud.operator import arguments, listing, show
from tools.cloud.operator.folder import CloudFolder

NAME = "release history"
HELP = "every task of a package, the newest first"
EXAMPLES = """\
python -m tools.cloud release history a1B2c3D4e5F 1.1.0
python -m tools.cloud release history a1B2c3D4e5F 7 --module assets --json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    arguments.release(parser)


def run(options: argparse.Namespace) -> int:
    """0 when it is there. Raises Refused."""
    folder = CloudFolder(options.folder)
    release = folder.book.release(options.product_key, options.module, options.version)
    tasks = folder.store.tasks("release = ?", release.id)
    found = [listing.task(rows.outline(one)) for one in reversed(tasks)]
    columns = ("task", "created", "device", "from", "state", "progress", "why")
    show.rows(options, found, columns, "task", release=options.version)
    return 0
