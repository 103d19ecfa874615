"""`rollout stop`: end a rollout of a plan by hand."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from tools.cloud.operator import show
from tools.cloud.platform import phases, place, plan, rollout_state

NAME = "rollout stop"
HELP = """\
end a rollout of a plan: no further device is told

What devices have begun goes on. Stop `rollout run` first (Ctrl-C)."""
EXAMPLES = """\
python -m tools.cloud --at desk rollout stop plan.toml"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("plan", type=Path, metavar="PLAN")


def run(options: argparse.Namespace) -> int:
    """0 when it is over. Raises Refused."""
    with rollout_state.alone(options.plan):
        held = rollout_state.underway(options.plan, options.at)
        api = place.connect(options)
        said = plan.read(options.plan)
        rollout = phases.Phases(api, said, options.plan, held, time, lambda event: None)
        show.one(options, {"stopped": str(options.plan), "cancelled": rollout.stop("by hand")})
    rollout_state.pause_of(options.plan).unlink(missing_ok=True)
    return 0
