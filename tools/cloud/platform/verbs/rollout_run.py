"""`rollout run`: a rollout in phases that stops itself."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from tools import exit_codes
from tools.cli import as_json
from tools.cloud.operator.show import Row
from tools.cloud.platform import phases, place, plan, rollout_lines, rollout_state, watching
from tools.cloud.platform.api import NoAnswer
from tools.cloud.platform.rollout_state import DONE, STOPPED

NAME = "rollout run"
HELP = """\
a rollout in phases, by a plan, that stops itself

Begin a rollout, or go on with it: phase by phase, each when enough devices of the one before \
have succeeded and it has soaked. When more devices of a phase fail than may, it stops: no \
further device is told. Without --watch it looks once, does what is due, and ends; call it again \
(cron). With --watch it stays until the end. Exit codes: 0 done, 3 stopped itself, 4 (without \
--watch) not finished yet, 1 refused, 130 Ctrl-C; after which it goes on with the same command."""
EXAMPLES = """\
python -m tools.cloud --at desk rollout run plan.toml --watch
python -m tools.cloud --at cn-shanghai rollout run plan.toml --watch --json"""

CLOCK: phases.PassingTime = time


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("plan", type=Path, metavar="PLAN", help="what it says: docs/rollouts.md")
    parser.add_argument("--watch", action="store_true", help="stay until it has ended")
    parser.add_argument("--again", action="store_true", help="begin anew what has ended")


def run(options: argparse.Namespace) -> int:
    """0 done, 3 stopped, 4 not finished. Raises Refused."""
    said = plan.read(options.plan)
    with rollout_state.alone(options.plan):
        held = rollout_state.load(options.plan, options.at, again=options.again)
        if held.state == STOPPED:
            tell(options, {"event": "ended", "state": held.state, "why": held.why})
            return exit_codes.STOPPED
        if held.state == DONE:
            tell(options, {"event": "ended", "state": held.state, "why": held.why})
            return exit_codes.DONE
        api = place.connect(options)
        rollout = phases.Phases(
            api, said, options.plan, held, CLOCK, lambda event: tell(options, event)
        )
        while True:
            try:
                state = rollout.look()
            except NoAnswer as exc:
                if not options.watch:
                    raise
                state = held.state
                tell(options, {"event": "unreachable", "why": str(exc)})
            else:
                if state == DONE:
                    return exit_codes.DONE
                if state == STOPPED:
                    return exit_codes.STOPPED
                if not held.of(held.phase) and not held.paused:
                    continue  # the next phase begins at once
            if not options.watch:
                return exit_codes.UNFINISHED
            CLOCK.sleep(watching.DESK_S if api.desk else watching.PLATFORM_S)


def tell(options: argparse.Namespace, event: Row) -> None:
    """An event as a line, for people or for programs."""
    if options.json:
        print(as_json(event), flush=True)
    elif event["event"] == "ended":
        why = f": {event['why']}" if event["why"] else ""
        print(f"{event['state']} already{why}; --again begins anew", flush=True)
    else:
        print(rollout_lines.line(event), flush=True)
