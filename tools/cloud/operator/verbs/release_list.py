"""`release list`: the packages of the folder."""

from __future__ import annotations

import argparse

from tools.cloud.operator import arguments, listing, show
from tools.cloud.operator.folder import CloudFolder

NAME = "release list"
HELP = "the packages, the newest first; behind each the differences to it"
EXAMPLES = """\
python -m tools.cloud release list
python -m tools.cloud release list a1B2c3D4e5F --json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    arguments.maybe_product(parser)


def run(options: argparse.Namespace) -> int:
    """0. Raises Refused."""
    found = listing.releases(CloudFolder(options.folder).store, options.product_key)
    columns = ("product", "version", "module", "from", "size", "files")
    show.rows(options, found, columns, "package", product=options.product_key)
    return 0
