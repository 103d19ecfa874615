"""`rollout watch`: a batch until its end."""

from __future__ import annotations

import argparse

from tools.cloud.platform import place, watching

NAME = "rollout watch"
HELP = "wait for the end of a batch, with a line for each change"
EXAMPLES = """\
python -m tools.cloud --at desk rollout watch JOB
python -m tools.cloud --at cn-shanghai rollout watch JOB --json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("job", metavar="JOB", help="as `rollout start` told it")


def run(options: argparse.Namespace) -> int:
    """0 when every device has succeeded, 1 when one has not."""
    api = place.connect(options)
    return watching.failures(watching.watch(api, options.job, options), options)
