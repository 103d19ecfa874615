"""`release list`: the packages of a product."""

from __future__ import annotations

import argparse

from tools.cloud.operator import arguments, show
from tools.cloud.platform import packages, place

NAME = "release list"
HELP = "the packages of a product, the newest first"
EXAMPLES = """\
python -m tools.cloud --at desk release list a1B2c3D4e5F
python -m tools.cloud --at cn-shanghai/iot-0abc1def release list a1B2c3D4e5F --json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    arguments.product(parser)


def run(options: argparse.Namespace) -> int:
    """0."""
    found = packages.packages(place.connect(options), options.product_key)
    columns = ("version", "module", "from", "verification", "size", "name")
    show.rows(options, found, columns, "package", product=options.product_key)
    return 0
