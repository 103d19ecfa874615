"""`task remove`: take a device out of a batch."""

from __future__ import annotations

import argparse

from tools.cli import Refused
from tools.cloud.operator import arguments, asking, show
from tools.cloud.platform import batches, place

NAME = "task remove"
HELP = """\
take a device out of a batch

Cancel what a device has not finished of a batch; it is not told. The platform keeps what has \
ended."""
EXAMPLES = """\
python -m tools.cloud --at desk task remove JOB greenhouse_07
python -m tools.cloud --at cn-shanghai task remove JOB greenhouse_07 --yes"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    batches.add_task(parser)
    arguments.yes(parser)


def run(options: argparse.Namespace) -> int:
    """0 when it is cancelled. Raises Refused."""
    api = place.connect(options)
    task = batches.task(api, options.job, options.device_name)
    if task["state"] not in batches.UNFINISHED:
        raise Refused(
            f"the task of {task['device']} has ended ({task['state']}), and the platform keeps it",
            "There is nothing to cancel.",
        )
    asking.agree(f"the task of {task['device']} ends{batches.told_open([task])}", yes=options.yes)
    row = batches.batch(api, options.job)
    api.call(
        "CancelOTATaskByDevice",
        FirmwareId=row["package"],
        ProductKey=row["product"],
        JobId=options.job,
        DeviceName=[options.device_name],
    )
    show.one(options, {"job": options.job, "device": task["device"], "cancelled": [task["task"]]})
    return 0
