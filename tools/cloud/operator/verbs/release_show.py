"""`release show`: one package."""

from __future__ import annotations

import argparse

from tools.cloud.operator import arguments, listing, show
from tools.cloud.operator.folder import CloudFolder

NAME = "release show"
HELP = "a package: its files, and how many devices it went to"
EXAMPLES = """\
python -m tools.cloud release show a1B2c3D4e5F 1.1.0
python -m tools.cloud release show a1B2c3D4e5F 7 --module assets --json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    arguments.release(parser)


def run(options: argparse.Namespace) -> int:
    """0 when it is there. Raises Refused."""
    folder = CloudFolder(options.folder)
    release = folder.book.release(options.product_key, options.module, options.version)
    states = [task.state for task in folder.store.tasks("release = ?", release.id)]
    row, *differences = listing.release_rows(release)
    show.one(
        options,
        {
            **row,
            "digest": release.md5 if release.sign_method == "Md5" else release.sha256,
            "differences": [{"from": one["from"], "size": one["size"]} for one in differences],
            "tasks": {state: states.count(state) for state in listing.STATES if state in states},
        },
    )
    return 0
