"""`device show`: one device."""

from __future__ import annotations

import argparse

from tools.cloud.operator import arguments, show
from tools.cloud.platform import devices, place

NAME = "device show"
HELP = "a device: what it runs, and what it still has to do"
EXAMPLES = """\
python -m tools.cloud --at desk device show a1B2c3D4e5F greenhouse_07
python -m tools.cloud --at cn-shanghai device show a1B2c3D4e5F greenhouse_07 --json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    arguments.device(parser)


def run(options: argparse.Namespace) -> int:
    """0 when it is there."""
    api = place.connect(options)
    name = (options.product_key, options.device_name)
    row = devices.device(api, *name)
    row["versions"] = {one["module"]: one["version"] for one in devices.versions(api, *name)}
    row["tasks"] = devices.unfinished(api, *name)
    show.one(options, row)
    return 0
