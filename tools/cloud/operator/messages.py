"""An application's own messages, from both ends: those that pass, and one to send."""

from __future__ import annotations

import argparse
import base64
import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.cli import Refused
from tools.cloud import control
from tools.cloud.hidden_links import without_links
from tools.cloud.identity import Identity
from tools.cloud.mqtt.own_messages import PAYLOAD_MAX, user_topic
from tools.cloud.mqtt.packets import matches
from tools.cloud.openapi.times import utc
from tools.cloud.operator import arguments, show

_EVERY_S = 0.25
_ARROWS = {"up": "->", "down": "<-"}


def listen_arguments(parser: argparse.ArgumentParser) -> None:
    """Which messages."""
    parser.add_argument(
        "device", nargs="*", metavar="PRODUCT_KEY DEVICE_NAME", help="of this device, or product"
    )
    parser.add_argument(
        "--topic",
        metavar="FILTER",
        help="on these topics, as MQTT filters: /+/+/user/#, or a short name such as update",
    )
    parser.add_argument(
        "--all", action="store_true", help="also what alink and the platform say about updates"
    )
    parser.add_argument("--past", action="store_true", help="first those that serve still has")
    parser.add_argument("--count", type=arguments.count, metavar="N", help="end after so many")


def listen(options: argparse.Namespace, folder: Path) -> int:
    """Print each message until Ctrl-C, or until there were enough; 0. Raises Refused."""
    if len(options.device) > 2:
        raise Refused(
            "these are more than a product key and a device name", "Leave the others out."
        )
    _note_strangers(options, folder)
    left = options.count
    with contextlib.suppress(KeyboardInterrupt):
        for message in _passing(folder, options.past):
            if not _wanted(message, options):
                continue
            show.said(options, _row(message), _line(message))
            left = None if left is None else left - 1
            if left == 0:
                break
    return 0


def _note_strangers(options: argparse.Namespace, folder: Path) -> None:
    """Say so where nobody is known who could be listened to: a name may be misspelt."""
    known = (control.ask(folder, "snapshot") or {}).get("devices")
    asked = "/".join(options.device)
    if known is None or any(f"{name}/".startswith(f"{asked}/") for name in known):
        return
    if asked:
        show.warned(
            options,
            f"note: there is no device of {asked} yet",
            "It is listened for all the same; `device list` shows those there are.",
        )


def _passing(folder: Path, past: bool) -> Iterator[dict[str, Any]]:
    after: int | None = 0 if past else None
    while True:
        answer = control.need(folder, "messages", after=after)
        if after and answer["missed"]:
            print(f"{answer['missed']} messages came too fast to be shown", file=sys.stderr)
        yield from answer["messages"]
        if answer["next"] == after or after is None:
            time.sleep(_EVERY_S)
        after = answer["next"]


def _wanted(message: dict[str, Any], options: argparse.Namespace) -> bool:
    device, topic = message["device"], message["topic"]
    if not (message["own"] or options.all):
        return False
    if options.device and not f"{device}/".startswith("/".join([*options.device, ""])):
        return False
    if options.topic is None:
        return True
    product_key, _, device_name = device.partition("/")
    wanted = user_topic(options.topic, Identity(product_key, device_name))
    return matches(wanted, topic)


def _row(message: dict[str, Any]) -> show.Row:
    payload = base64.b64decode(message["payload"])
    try:
        told: show.Row = {"text": payload.decode()}
    except UnicodeDecodeError:
        told = {"base64": message["payload"]}
    kept = {key: message[key] for key in ("direction", "device", "topic", "qos")}
    return {"time": utc(message["time"]), **kept, **told}


def _line(message: dict[str, Any]) -> str:
    payload = base64.b64decode(message["payload"])
    try:
        payload.decode()
        text = without_links(payload)
    except UnicodeDecodeError:
        text = f"{len(payload)} bytes: {payload[:64].hex(' ')}"
    when = time.strftime("%H:%M:%S", time.localtime(message["time"]))
    words = (when, message["device"], _ARROWS[message["direction"]], message["topic"], text)
    return show.text("  ".join(words))


def send_arguments(parser: argparse.ArgumentParser) -> None:
    """What, and to whom."""
    arguments.device(parser)
    parser.add_argument(
        "topic", metavar="TOPIC", help="whole, or short: get is /PRODUCT_KEY/DEVICE_NAME/user/get"
    )
    parser.add_argument("text", metavar="TEXT", nargs="?", help="what to send (- is stdin)")
    parser.add_argument("--file", type=Path, metavar="FILE", help="send the bytes of a file")
    parser.add_argument(
        "--qos", type=int, choices=(0, 1), default=0, help="1: the device acknowledges (default 0)"
    )


def to_send(options: argparse.Namespace) -> tuple[Identity, str, bytes]:
    """(to whom, on which topic, what). Raises Refused, OSError."""
    if (options.text is None) == (options.file is None):
        raise Refused("say what to send", "Either as TEXT, or with --file.")
    if options.file is not None:
        payload = options.file.read_bytes()
    elif options.text == "-":
        payload = sys.stdin.buffer.read()
    else:
        payload = options.text.encode()
    if len(payload) > PAYLOAD_MAX:
        raise Refused(
            f"that are {len(payload)} bytes, and a message has {PAYLOAD_MAX} at most",
            "Send less; a file of its own is a package (release add --module).",
        )
    identity = Identity(options.product_key, options.device_name)
    topic = user_topic(options.topic, identity)
    if not options.topic or any(char in "#+ " or not char.isprintable() for char in topic):
        raise Refused(
            f"{topic!r} is no topic to send to: it has no name, or a blank, # or + in it",
            "Name one topic, such as get.",
        )
    return identity, topic, payload
