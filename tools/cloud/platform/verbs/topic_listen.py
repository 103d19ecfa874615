"""`topic listen`: what applications say, at the stand-in; the platform tells it by AMQP alone."""

from __future__ import annotations

import argparse

from tools.cli import Refused
from tools.cloud.operator import messages
from tools.cloud.platform import place

NAME = "topic listen"
HELP = """\
see the messages of applications (at the desk)

Print each message of an application as it passes. At the platform this is not possible by its \
API: it forwards what devices say over AMQP (server-side subscription), and the console shows it \
under Device Log."""
EXAMPLES = """\
python -m tools.cloud --at desk topic listen a1B2c3D4e5F greenhouse_07"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    messages.listen_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """0, after Ctrl-C or --count messages. Raises Refused at the platform."""
    if options.at != place.DESK:
        raise Refused(
            "the platform's API does not tell what devices say",
            "It forwards that over AMQP: make a consumer group and an AMQP server-side "
            "subscription in the console (Message Forwarding), and use an AMQP 1.0 client there; "
            "or look under Maintenance, Device Log. See docs/real-platform.md.",
        )
    return messages.listen(options, options.folder)
