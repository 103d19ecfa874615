"""`device status`: one device."""

from __future__ import annotations

import argparse

from tools.cloud.operator import arguments, show
from tools.cloud.platform import devices, place

NAME = "device status"
HELP = "whether a device is online, since when, and what it runs"
EXAMPLES = """\
python -m tools.cloud --at desk device status a1B2c3D4e5F greenhouse_07"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    arguments.device(parser)


def run(options: argparse.Namespace) -> int:
    """0 when the device is there."""
    api = place.connect(options)
    show.one(options, devices.device(api, options.product_key, options.device_name))
    return 0
