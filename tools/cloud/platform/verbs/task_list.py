"""`task list`: the devices of a batch."""

from __future__ import annotations

import argparse

from tools.cloud.operator import show
from tools.cloud.platform import batches, place

NAME = "task list"
HELP = "the devices of a batch, and how far each is"
EXAMPLES = """\
python -m tools.cloud --at desk task list JOB
python -m tools.cloud --at cn-shanghai task list JOB --state FAILED --json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("job", metavar="JOB")
    parser.add_argument("--state", choices=batches.STATES, help="only these")


def run(options: argparse.Namespace) -> int:
    """0."""
    found = batches.tasks(place.connect(options), options.job, options.state)
    columns = ("device", "state", "progress", "from", "version", "why")
    show.rows(options, found, columns, "task", job=options.job, state=options.state)
    return 0
