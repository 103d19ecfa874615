"""`device history`: what a device had to do, package by package."""

from __future__ import annotations

import argparse

from tools.cloud.operator import arguments, show
from tools.cloud.platform import batches, packages, place

NAME = "device history"
HELP = "every task of a device, the newest package first"
EXAMPLES = """\
python -m tools.cloud --at desk device history a1B2c3D4e5F greenhouse_07
python -m tools.cloud --at cn-shanghai device history a1B2c3D4e5F greenhouse_07 --json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    arguments.device(parser)


def run(options: argparse.Namespace) -> int:
    """0 when the device is there."""
    api = place.connect(options)
    found = []
    for package in packages.packages(api, options.product_key):
        for said in api.pages(
            "ListOTAJobByDevice",
            "Data",
            "SimpleOTAJobInfo",
            FirmwareId=package["package"],
            ProductKey=options.product_key,
            DeviceName=options.device_name,
        ):
            for task in batches.tasks(api, said["JobId"], names=[options.device_name]):
                found.append({**task, "module": package["module"]})
    columns = ("version", "module", "from", "state", "progress", "changed", "why")
    show.rows(options, found, columns, "task", device=options.device_name)
    return 0
