"""`task show`: one device of a batch."""

from __future__ import annotations

import argparse

from tools.cloud.operator import show
from tools.cloud.platform import batches, place

NAME = "task show"
HELP = "a task: the part of one device in a batch"
EXAMPLES = """\
python -m tools.cloud --at desk task show JOB greenhouse_07
python -m tools.cloud --at cn-shanghai task show JOB greenhouse_07 --json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    batches.add_task(parser)


def run(options: argparse.Namespace) -> int:
    """0 when it is there. Raises Refused."""
    show.one(options, batches.task(place.connect(options), options.job, options.device_name))
    return 0
