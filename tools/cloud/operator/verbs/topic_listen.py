"""`topic listen`: what applications say and hear."""

from __future__ import annotations

import argparse

from tools.cloud.operator import messages

NAME = "topic listen"
HELP = """\
see the messages of applications

Print each message of an application as it passes, to the cloud (->) and to the device (<-), \
until Ctrl-C. What alink and the platform say about updates is left out. Needs a running serve."""
EXAMPLES = """\
python -m tools.cloud topic listen
python -m tools.cloud topic listen a1B2c3D4e5F greenhouse_07 --past
python -m tools.cloud topic listen --topic '/+/+/user/update' --json
python -m tools.cloud topic listen a1B2c3D4e5F --topic update --count 1"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    messages.listen_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """0, after Ctrl-C or --count messages. Raises Refused when no server runs."""
    return messages.listen(options, options.folder)
