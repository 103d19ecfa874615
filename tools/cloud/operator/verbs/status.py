"""`status`: devices and tasks."""

from __future__ import annotations

import argparse

from tools.cloud.operator import show, status_report
from tools.cloud.operator.folder import snapshot

NAME = "status"
HELP = """\
devices and tasks

Print devices, batches and tasks, with or without a running server."""
EXAMPLES = """\
python -m tools.cloud status
python -m tools.cloud status --folder /srv/cloud --json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def run(options: argparse.Namespace) -> int:
    """0 when there is something to show. Raises Refused."""
    found = snapshot(options.folder)
    show.said(options, status_report.report(found), *status_report.lines(found))
    return 0
