"""`rollout cancel`: end a batch, or some devices' part in it."""

from __future__ import annotations

import argparse

from tools.cloud.operator import show
from tools.cloud.platform import batches, place
from tools.cloud.platform.api import Api

NAME = "rollout cancel"
HELP = "cancel a batch, or some devices' part in it; devices are not told"
EXAMPLES = """\
python -m tools.cloud --at desk rollout cancel JOB
python -m tools.cloud --at desk rollout cancel JOB roof_1
python -m tools.cloud --at desk rollout cancel JOB --in-progress"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("job", metavar="JOB")
    parser.add_argument("devices", nargs="*", metavar="DEVICE_NAME")
    parser.add_argument("--in-progress", action="store_true", help="also what devices have begun")


def run(options: argparse.Namespace) -> int:
    """0; what was unfinished before and is not now."""
    api = place.connect(options)
    row = batches.batch(api, options.job)
    before = _unfinished(api, options.job)
    if options.devices:
        api.call(
            "CancelOTATaskByDevice",
            FirmwareId=row["package"],
            ProductKey=row["product"],
            JobId=options.job,
            DeviceName=options.devices,
        )
    else:
        if row["kind"] == "dynamic" and row["state"] not in batches.ENDED:
            api.call("CancelOTAStrategyByJob", JobId=options.job)
        batches.cancel(api, options.job, in_progress=options.in_progress)
    show.one(options, {"cancelled": before - _unfinished(api, options.job)})
    return 0


def _unfinished(api: Api, job: str) -> int:
    return sum(one["state"] in batches.UNFINISHED for one in batches.tasks(api, job))
