"""Pub: a message to a device's own topic, or to all devices of a product that listen.

As on the platform, that it was taken says nothing about who listens. QoS 1 messages for a device
that is not there are kept for days by the platform, and not here.
"""

from __future__ import annotations

import base64
import binascii
import uuid
from typing import Any

from tools.cloud.mqtt import topics
from tools.cloud.mqtt.own_messages import PAYLOAD_MAX
from tools.cloud.openapi.errors import illegal
from tools.cloud.openapi.parameters import Parameters
from tools.cloud.openapi.services import Services


def publish(services: Services, given: Parameters) -> dict[str, Any]:
    """Send it to whoever listens."""
    product_key = services.product(given.text("ProductKey"))
    topic = given.text("TopicFullName")
    payload = _payload(given.text("MessageContent"))
    qos = int(given.choice("Qos", ("0", "1"), "0"))
    levels = topic.split("/")
    if not topics.within_limits(topic) or {"+", "#"} & set(levels) or levels[0]:
        raise illegal("The topic is not valid.")
    if levels[1:3] == ["broadcast", product_key] and len(levels) > 3:
        listening = [one for one in services.store.devices() if one.product_key == product_key]
    elif levels[1] == product_key and levels[3:4] == ["user"] and len(levels) > 4:
        listening = [services.named(product_key, levels[2])]
    else:
        raise illegal("The topic is no custom topic of this product.")
    for identity in listening:
        services.send(identity, topic, payload, qos)
    services.records.note("api", "-", f"Pub {topic}, {len(payload)} bytes")
    return {"MessageId": str(uuid.uuid4().int >> 65)}


def _payload(text: str) -> bytes:
    try:
        payload = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise illegal("MessageContent is not Base64.") from None
    if len(payload) > PAYLOAD_MAX:
        raise illegal("The message has more than 256 KB.")
    return payload
