"""`topic send`: a message to an application."""

from __future__ import annotations

import argparse
import base64

from tools.cli import Refused
from tools.cloud import control
from tools.cloud.operator import messages, show

NAME = "topic send"
HELP = """\
send a message to an application

Send a message to a device that is signed in and has subscribed to the topic. Needs a running \
serve."""
EXAMPLES = """\
python -m tools.cloud topic send a1B2c3D4e5F greenhouse_07 update/set '{"interval": 60}'
python -m tools.cloud topic send a1B2c3D4e5F greenhouse_07 /a1B2c3D4e5F/greenhouse_07/user/get hi
python -m tools.cloud topic send a1B2c3D4e5F greenhouse_07 picture --file picture.bin --qos 1"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    messages.send_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """0 when it was sent. Raises Refused."""
    to, topic, payload = messages.to_send(options)
    answer = control.need(
        options.folder,
        "send",
        product=to.product_key,
        device=to.device_name,
        topic=topic,
        payload=base64.b64encode(payload).decode(),
        qos=options.qos,
    )
    if not answer["sent"]:
        if str(to) not in control.need(options.folder, "snapshot")["devices"]:
            raise Refused(f"there is no device {to}", "`device list` shows those there are.")
        raise Refused(
            f"{to} is not signed in, or has not subscribed to {topic}",
            "`status` tells whether it is online; its application subscribes with "
            "device.subscribe().",
        )
    show.said(
        options,
        {"device": str(to), "topic": topic, "bytes": len(payload), "qos": options.qos},
        f"sent        {len(payload)} bytes to {topic}",
    )
    return 0
