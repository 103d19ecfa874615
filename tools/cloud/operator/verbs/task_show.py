"""`task show`: one task."""

from __future__ import annotations

import argparse

from tools.cloud.operator import arguments, listing, show
from tools.cloud.operator.folder import CloudFolder

NAME = "task show"
HELP = "a task: whose, of which batch, and how far it is"
EXAMPLES = """\
python -m tools.cloud task show 12
python -m tools.cloud task show 12 --json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    arguments.task(parser)


def run(options: argparse.Namespace) -> int:
    """0 when it is there. Raises Refused."""
    folder = CloudFolder(options.folder)
    show.one(options, listing.task(folder.task(options.task)))
    return 0
