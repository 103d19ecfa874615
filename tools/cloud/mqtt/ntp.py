"""The time over MQTT: "NTP service" of "Configure NTP": a device asks with its own time in
milliseconds, as a number or as text, and gets it back between two of the platform's.
"""

from __future__ import annotations

import json


def answer(payload: bytes, now_ms: int) -> bytes:
    """The answer to a request, which holds times as text. Raises ValueError, TypeError, KeyError,
    RecursionError.
    """
    sent = json.loads(payload)["deviceSendTime"]
    if isinstance(sent, bool) or not isinstance(sent, str | int):
        raise TypeError("deviceSendTime is neither a string nor a number")
    reply = {
        "deviceSendTime": str(sent),
        "serverRecvTime": str(now_ms),
        "serverSendTime": str(now_ms),
    }
    return json.dumps(reply, separators=(",", ":")).encode()
