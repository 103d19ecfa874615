"""`release remove`: delete a package."""

from __future__ import annotations

import argparse

from tools.cloud.operator import show
from tools.cloud.platform import packages, place

NAME = "release remove"
HELP = "delete a package that no device is updating to"
EXAMPLES = """\
python -m tools.cloud --at desk release remove a1B2c3D4e5F 1.0.9
python -m tools.cloud --at desk release remove a1B2c3D4e5F 1.1.0 --from 1.0.9"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    packages.add_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """0 when it is gone."""
    api = place.connect(options)
    package = packages.named(api, options)
    api.call("DeleteOTAFirmware", FirmwareId=package["package"])
    show.one(options, {"removed": package["package"], "name": package["name"]})
    return 0
