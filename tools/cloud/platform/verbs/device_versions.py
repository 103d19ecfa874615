"""`device versions`: what a device has reported."""

from __future__ import annotations

import argparse

from tools.cloud.operator import arguments, show
from tools.cloud.platform import devices, place

NAME = "device versions"
HELP = "the version of each module, as a device has reported it"
EXAMPLES = """\
python -m tools.cloud --at desk device versions a1B2c3D4e5F greenhouse_07"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    arguments.device(parser)


def run(options: argparse.Namespace) -> int:
    """0 when the device is there."""
    api = place.connect(options)
    found = devices.versions(api, options.product_key, options.device_name)
    show.rows(options, found, ("module", "version"), "version", device=options.device_name)
    return 0
