"""`task history`: what became of a task, line by line."""

from __future__ import annotations

import argparse

from tools.cloud.operator import arguments, listing, show
from tools.cloud.operator.folder import CloudFolder

NAME = "task history"
HELP = "what became of a task, line by line"
EXAMPLES = """\
python -m tools.cloud task history 12
python -m tools.cloud task history 12 --json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    arguments.task(parser)


def run(options: argparse.Namespace) -> int:
    """0 when it is there. Raises Refused."""
    folder = CloudFolder(options.folder)
    found = listing.history(folder.task(options.task))
    show.rows(options, found, ("time", "state", "progress", "why"), "line")
    return 0
