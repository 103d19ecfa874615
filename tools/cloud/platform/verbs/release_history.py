"""`release history`: who was to get a package."""

from __future__ import annotations

import argparse

from tools.cloud.operator import show
from tools.cloud.platform import batches, packages, place

NAME = "release history"
HELP = "every task of a package, the newest batch first"
EXAMPLES = """\
python -m tools.cloud --at desk release history a1B2c3D4e5F 1.1.0
python -m tools.cloud --at cn-shanghai release history a1B2c3D4e5F 1.1.0 --json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    packages.add_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """0 when it is there. Raises Refused."""
    api = place.connect(options)
    found = batches.of_package(api, packages.named(api, options)["package"])
    columns = ("job", "changed", "device", "from", "state", "progress", "why")
    show.rows(options, found, columns, "task", release=options.version)
    return 0
