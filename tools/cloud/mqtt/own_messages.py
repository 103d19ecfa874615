"""What applications say and hear beside updates: for `topic listen` and `topic send`."""

from __future__ import annotations

import base64
from typing import Any

from tools.cloud.identity import Identity
from tools.cloud.mqtt import topics
from tools.cloud.mqtt.service import Sender
from tools.cloud.records import Message, Records

PAYLOAD_MAX = 256 * 1024  # bytes of a message ("Limits")
_MOST = 500  # messages in an answer
_BYTES = 4 << 20  # and bytes of their payloads


def since(records: Records, after: int | None) -> dict[str, Any]:
    """The messages behind the first `after` ones, and how many there were then (`next`).

    None: only that number. `missed` counts those that are no longer kept.
    """
    count = records.message_count
    if after is None:
        return {"next": count, "missed": 0, "messages": []}
    kept = records.messages
    first = count - len(kept)
    shown: list[dict[str, Any]] = []
    at, size = max(after, first), 0
    while at < count and len(shown) < _MOST and size < _BYTES:
        message = kept[at - first]
        shown.append(_told(message))
        size += len(message.payload)
        at += 1
    return {"next": at, "missed": max(0, first - after), "messages": shown}


def _told(message: Message) -> dict[str, Any]:
    return {
        "time": message.time,
        "direction": message.direction,
        "device": message.device,
        "topic": message.topic,
        "qos": message.qos,
        "payload": base64.b64encode(message.payload).decode(),
        "own": not is_of_updates(message.topic, message.device),
    }


def is_of_updates(topic: str, device: str) -> bool:
    """Whether alink and the platform talk here: updates, blocks, the time."""
    product_key, _, device_name = device.partition("/")
    identity = Identity(product_key, device_name)
    return topic in [topics.name(one, identity) for one in (*topics.TO_CLOUD, *topics.TO_DEVICE)]


def user_topic(text: str, identity: Identity) -> str:
    """A topic as it is, or the device's own one of that short name: get -> /pk/dn/user/get."""
    if text.startswith("/"):
        return text
    return f"/{identity.product_key}/{identity.device_name}/user/{text}"


def sent(sender: Sender, said: dict[str, Any]) -> dict[str, Any]:
    """Send a message to a device; whether that was possible, and the device listens."""
    to = Identity(str(said["product"]), str(said["device"]))
    payload = base64.b64decode(said["payload"])
    return {"sent": sender.send(to, str(said["topic"]), payload, int(said["qos"]))}
