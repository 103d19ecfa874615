"""`rollout confirm`: let the devices of a batch be told."""

from __future__ import annotations

import argparse

from tools.cloud.operator import show
from tools.cloud.platform import batches, place

NAME = "rollout confirm"
HELP = "let devices be told that wait for it (rollout start --confirm)"
EXAMPLES = """\
python -m tools.cloud --at desk rollout confirm JOB
python -m tools.cloud --at desk rollout confirm JOB roof_1"""

_AT_ONCE = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("job", metavar="JOB")
    parser.add_argument("devices", nargs="*", metavar="DEVICE_NAME")


def run(options: argparse.Namespace) -> int:
    """0, also when none waits."""
    api = place.connect(options)
    waiting = batches.tasks(api, options.job, "CONFIRM", options.devices)
    numbers = [one["task"] for one in waiting]
    for at in range(0, len(numbers), _AT_ONCE):
        api.call("ConfirmOTATask", TaskId=numbers[at : at + _AT_ONCE])
    show.one(options, {"confirmed": len(numbers)})
    return 0
