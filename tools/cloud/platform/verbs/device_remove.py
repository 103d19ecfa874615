"""`device remove`: delete a device."""

from __future__ import annotations

import argparse

from tools.cloud.operator import arguments, asking, show
from tools.cloud.platform import batches, devices, place

NAME = "device remove"
HELP = """\
delete a device, with its secret

Delete a device: its secret is invalid from now on and does not come back. A task that it has \
not finished is told first, and ends with it."""
EXAMPLES = """\
python -m tools.cloud --at desk device remove a1B2c3D4e5F greenhouse_07
python -m tools.cloud --at cn-shanghai device remove a1B2c3D4e5F greenhouse_07 --yes"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    arguments.device(parser)
    arguments.yes(parser)


def run(options: argparse.Namespace) -> int:
    """0 when it is gone. Raises Refused."""
    api = place.connect(options)
    name = (options.product_key, options.device_name)
    tasks = devices.unfinished(api, *name)
    asking.agree(f"{'/'.join(name)} loses its secret{batches.told_open(tasks)}", yes=options.yes)
    api.call("DeleteDevice", ProductKey=options.product_key, DeviceName=options.device_name)
    ended = [one["task"] for one in tasks]
    show.one(options, {"product": name[0], "device": name[1], "cancelled": ended})
    return 0
