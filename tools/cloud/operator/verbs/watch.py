"""`watch`: devices, tasks and batches, live."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from pathlib import Path
from typing import Any

from tools.cli import Refused
from tools.cloud import control
from tools.cloud.operator import changes, show, status_report

NAME = "watch"
HELP = """\
devices, tasks and batches, live

Show devices, tasks and batches until q or Ctrl-C: the whole screen on a terminal, where what is \
typed filters the lists. In a pipe (and with --json) a line for each device, task and batch, and \
then for each change. Needs a running serve."""
EXAMPLES = """\
python -m tools.cloud watch
python -m tools.cloud watch | grep FAILED
python -m tools.cloud watch --folder /srv/cloud --json"""

_EVERY_S = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def run(options: argparse.Namespace) -> int:
    """0, after q or Ctrl-C. Raises Refused when no server runs."""
    first = _now(options.folder)
    if sys.stdout.isatty() and sys.stdin.isatty() and not options.json:
        from tools.cloud.operator.screen import WatchApp  # slow to load

        WatchApp(lambda: _perhaps(options.folder)).run()
        return 0
    with contextlib.suppress(KeyboardInterrupt):
        before: show.Row = {}
        now = status_report.report(first)
        while True:
            for event in changes.changes(before, now):
                show.said(options, event, changes.worded(event))
            time.sleep(_EVERY_S)
            before, now = now, status_report.report(_now(options.folder))
    return 0


def _perhaps(folder: Path) -> dict[str, Any] | None:
    """A snapshot, or None where no server answers: the next look may find one."""
    with contextlib.suppress(Refused):
        return control.ask(folder, "snapshot")
    return None


def _now(folder: Path) -> dict[str, Any]:
    return control.need(folder, "snapshot", ", or see the last state with `status`")
