"""`watch`: devices, tasks and downloads, live."""

from __future__ import annotations

import argparse
import contextlib
import time
from pathlib import Path
from typing import Any

from rich.live import Live

from tools.cli import Refused
from tools.cloud import control
from tools.cloud.operator import arguments, views

NAME = "watch"
HELP = """\
the same, live

Show devices, tasks and downloads live, until Ctrl-C. Needs a running serve."""
EXAMPLES = """\
python -m tools.cloud watch
python -m tools.cloud watch --folder /srv/cloud"""

_EVERY_S = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    arguments.folder(parser)


def run(options: argparse.Namespace) -> int:
    """0, after Ctrl-C. Raises Refused when no server runs."""
    shown = views.render(_now(options.folder))
    with (
        contextlib.suppress(KeyboardInterrupt),
        Live(shown, console=views.console(), auto_refresh=False) as live,
    ):
        while True:
            time.sleep(_EVERY_S)
            live.update(views.render(_now(options.folder)), refresh=True)
    return 0


def _now(folder: Path) -> dict[str, Any]:
    answer = control.ask(folder, "snapshot")
    if answer is None:
        raise Refused(
            f"no server runs in {folder}",
            f"Start it with `python -m tools.cloud serve --folder {folder}`, or see the last "
            "state with `status`.",
        )
    return answer
