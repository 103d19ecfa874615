"""`task history`: what is known of how a task went."""

from __future__ import annotations

import argparse

from tools.cloud.operator import show
from tools.cloud.platform import batches, place

NAME = "task history"
HELP = "how a task went, as far as the platform tells: its beginning and where it is now"
EXAMPLES = """\
python -m tools.cloud --at desk task history JOB greenhouse_07
python -m tools.cloud --at cn-shanghai task history JOB greenhouse_07 --json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    batches.add_task(parser)


def run(options: argparse.Namespace) -> int:
    """0 when it is there. Raises Refused."""
    task = batches.task(place.connect(options), options.job, options.device_name)
    found = [
        {"time": task["created"], "state": "created", "progress": None, "why": None},
        {
            "time": task["changed"],
            "state": task["state"],
            "progress": task["progress"],
            "why": task["why"],
        },
    ]
    show.rows(options, found, ("time", "state", "progress", "why"), "line")
    return 0
