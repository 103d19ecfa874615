"""`device list`: the devices of the folder."""

from __future__ import annotations

import argparse

from tools.cloud.operator import arguments, listing, show
from tools.cloud.operator.folder import snapshot

NAME = "device list"
HELP = "the devices, which are online, and what they run"
EXAMPLES = """\
python -m tools.cloud device list
python -m tools.cloud device list a1B2c3D4e5F --status ONLINE --json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    arguments.maybe_product(parser)
    parser.add_argument("--status", choices=listing.STATUS, help="only these")


def run(options: argparse.Namespace) -> int:
    """0. Raises Refused."""
    found = [
        one
        for one in listing.devices(snapshot(options.folder))
        if options.product_key in (None, one["product"])
        and options.status in (None, one["status"])
    ]
    columns = ("product", "device", "status", "version", "seen")
    asked = {"product": options.product_key, "status": options.status}
    show.rows(options, found, columns, "device", **asked)
    return 0
