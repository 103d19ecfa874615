"""`status`: devices and tasks."""

from __future__ import annotations

import argparse

from tools.cloud.operator import arguments, views
from tools.cloud.operator.folder import snapshot

NAME = "status"
HELP = """\
devices and tasks

Print devices, batches and tasks, with or without a running server."""
EXAMPLES = """\
python -m tools.cloud status
python -m tools.cloud status --folder /srv/cloud"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    arguments.folder(parser)


def run(options: argparse.Namespace) -> int:
    """0 when there is something to show. Raises Refused."""
    views.console().print(views.render(snapshot(options.folder)))
    return 0
