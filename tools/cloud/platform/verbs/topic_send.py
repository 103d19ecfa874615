"""`topic send`: a message to an application, by Pub."""

from __future__ import annotations

import argparse
import base64

from tools.cloud.operator import messages, show
from tools.cloud.platform import place

NAME = "topic send"
HELP = """\
send a message to an application (Pub)

Send a message to a device's own topic. That it was taken does not say that the device listened: \
with --qos 1 the platform keeps it for a device that is not there."""
EXAMPLES = """\
python -m tools.cloud --at desk topic send a1B2c3D4e5F greenhouse_07 update/set '{"on": 1}'
python -m tools.cloud --at cn-shanghai topic send a1B2c3D4e5F greenhouse_07 get hello --qos 1"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    messages.send_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """0 when it was taken. Raises Refused."""
    to, topic, payload = messages.to_send(options)
    api = place.connect(options)
    answer = api.call(
        "Pub",
        ProductKey=to.product_key,
        TopicFullName=topic,
        MessageContent=base64.b64encode(payload).decode(),
        Qos=options.qos,
    )
    show.said(
        options,
        {"device": str(to), "topic": topic, "message": answer.get("MessageId")},
        f"taken       {len(payload)} bytes for {topic}",
        f"message     {answer.get('MessageId')}",
    )
    return 0
