"""`rollout resume`: let a paused rollout go on."""

from __future__ import annotations

import argparse
from pathlib import Path

from tools.cli import Refused
from tools.cloud.operator import show
from tools.cloud.platform import rollout_state

NAME = "rollout resume"
HELP = """\
let a paused rollout go on

Devices that were held back are told, and the phase soaks anew, from the next look of `rollout \
run` on."""
EXAMPLES = """\
python -m tools.cloud --at desk rollout resume plan.toml"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("plan", type=Path, metavar="PLAN")


def run(options: argparse.Namespace) -> int:
    """0. Raises Refused when it is not paused."""
    rollout_state.underway(options.plan, options.at)
    paused = rollout_state.pause_of(options.plan)
    if not paused.exists():
        raise Refused(f"{options.plan} is not paused", "There is nothing to do.")
    paused.unlink()
    show.one(options, {"resumed": str(options.plan)})
    return 0
