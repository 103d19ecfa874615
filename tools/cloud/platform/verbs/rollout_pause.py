"""`rollout pause`: hold a rollout of a plan."""

from __future__ import annotations

import argparse
from pathlib import Path

from tools.cloud.operator import show
from tools.cloud.platform import rollout_state

NAME = "rollout pause"
HELP = """\
hold a rollout that `rollout run` drives

No further phase begins, and devices that were not told yet are held back. Those that were told \
go on, and failures are counted. It takes effect at the next look of `rollout run`, which goes on \
looking."""
EXAMPLES = """\
python -m tools.cloud --at desk rollout pause plan.toml"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("plan", type=Path, metavar="PLAN")


def run(options: argparse.Namespace) -> int:
    """0. Raises Refused when nothing runs by this plan."""
    rollout_state.underway(options.plan, options.at)
    rollout_state.pause_of(options.plan).touch()
    show.one(options, {"paused": str(options.plan)})
    return 0
