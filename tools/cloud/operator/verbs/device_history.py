"""`device history`: every task of a device."""

from __future__ import annotations

import argparse

from tools.cloud.operator import arguments, listing, show
from tools.cloud.operator.folder import snapshot

NAME = "device history"
HELP = "every task of a device, the newest first"
EXAMPLES = """\
python -m tools.cloud device history a1B2c3D4e5F greenhouse_07
python -m tools.cloud device history a1B2c3D4e5F greenhouse_07 --json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    arguments.device(parser)


def run(options: argparse.Namespace) -> int:
    """0 when it had one, or is there. Raises Refused."""
    now = snapshot(options.folder)
    name = (options.product_key, options.device_name)
    found = [one for one in listing.tasks(now) if (one["product"], one["device"]) == name]
    if not found:
        listing.device(now, *name)
    columns = ("task", "created", "from", "version", "module", "state", "progress", "why")
    show.rows(options, found[::-1], columns, "task", device=options.device_name)
    return 0
