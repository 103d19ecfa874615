"""`device show`: one device."""

from __future__ import annotations

import argparse

from tools.cloud.operator import arguments, listing, show
from tools.cloud.operator.folder import snapshot
from tools.cloud.store import UNFINISHED

NAME = "device show"
HELP = "a device: what it runs, and what it still has to do"
EXAMPLES = """\
python -m tools.cloud device show a1B2c3D4e5F greenhouse_07
python -m tools.cloud device show a1B2c3D4e5F greenhouse_07 --json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    arguments.device(parser)


def run(options: argparse.Namespace) -> int:
    """0 when it is there. Raises Refused."""
    now = snapshot(options.folder)
    device = listing.device(now, options.product_key, options.device_name)
    tasks = [
        one
        for one in listing.tasks(now)
        if (one["product"], one["device"]) == (device["product"], device["device"])
        and one["state"] in UNFINISHED
    ]
    show.one(options, {**device, "tasks": tasks})
    return 0
