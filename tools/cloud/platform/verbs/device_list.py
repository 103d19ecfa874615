"""`device list`: the devices of a product."""

from __future__ import annotations

import argparse

from tools.cloud.operator import arguments, show
from tools.cloud.platform import devices, place

NAME = "device list"
HELP = "the devices of a product, and which are online"
EXAMPLES = """\
python -m tools.cloud --at desk device list a1B2c3D4e5F
python -m tools.cloud --at cn-shanghai device list a1B2c3D4e5F --status ONLINE --json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    arguments.product(parser)
    parser.add_argument("--status", choices=devices.STATUS, help="only these")


def run(options: argparse.Namespace) -> int:
    """0."""
    found = devices.devices(place.connect(options), options.product_key)
    found = [one for one in found if options.status in (None, one["status"])]
    asked = {"product": options.product_key, "status": options.status}
    show.rows(options, found, ("device", "status"), "device", **asked)
    return 0
