"""`release remove`: delete a package."""

from __future__ import annotations

import argparse

from tools.cloud.operator import arguments, asking, show
from tools.cloud.platform import batches, packages, place

NAME = "release remove"
HELP = """\
delete a package

Delete a package. Tasks that have not finished need it: they are told first, and cancelled."""
EXAMPLES = """\
python -m tools.cloud --at desk release remove a1B2c3D4e5F 1.0.9
python -m tools.cloud --at desk release remove a1B2c3D4e5F 1.1.0 --from 1.0.9 --yes"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    packages.add_arguments(parser)
    arguments.yes(parser)


def run(options: argparse.Namespace) -> int:
    """0 when it is gone. Raises Refused."""
    api = place.connect(options)
    package = packages.named(api, options)
    tasks = [
        one
        for one in batches.of_package(api, package["package"])
        if one["state"] in batches.UNFINISHED
    ]
    asking.agree(f"{package['name']} is deleted{batches.told_open(tasks)}", yes=options.yes)
    for job in dict.fromkeys(one["job"] for one in tasks):
        batches.cancel(api, job, in_progress=True)
    api.call("DeleteOTAFirmware", FirmwareId=package["package"])
    show.one(
        options,
        {
            "removed": package["package"],
            "name": package["name"],
            "cancelled": [one["task"] for one in tasks],
        },
    )
    return 0
