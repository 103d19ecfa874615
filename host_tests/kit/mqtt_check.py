"""One check of a gateway or a broker: raw packets, and how what comes back is written down.

Each check is a function of an `End` (a gateway or a broker) and gives a list of words: packets in
hex, "closed", or what it found. Two ends agree on a check when their lists are equal. Where the
platform is known to differ from a broker, the check says so with both lists and the reason.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from host_tests.kit.raw_mqtt import (
    DN,
    PK,
    SECRET,
    RawDevice,
    connect_packet,
    hmac_hex,
    packet,
    text,
)

USER = f"/{PK}/{DN}/user"
X = USER + "/x"
CONNACK = "20:0000"
PONG = "d0:"


def connect_password() -> str:
    """The password of connect_packet()'s device, which a broker's password file holds."""
    return hmac_hex(
        "hmacsha256",
        SECRET,
        f"clientIdnode-07deviceName{DN}productKey{PK}timestamp1700000000000",
    )


@dataclass(frozen=True)
class End:
    """One side of the comparison: its plain port, and a way to send a message to the device.

    `publish(topic, payload, qos)` sends it to the device; when it returns, it is on its way.
    `signs` tells whether the client ID is part of what the password proves.
    """

    name: str
    mqtt_port: int
    signs: bool
    publish: Callable[[str, bytes, int], object]

    def device(self) -> RawDevice:
        """A connection that has sent nothing yet."""
        return RawDevice(self)  # type: ignore[arg-type]

    def connect(self, cid: str, flags: int) -> bytes:
        """The CONNECT of the same device under another client ID."""
        if self.signs:
            return connect_packet(cid=cid, flags=flags)
        # A password file has one password for a user: that of the usual client ID.
        return connect_packet(
            client_id=f"{cid}|securemode=3|", password=connect_password(), flags=flags
        )

    def signed_in(self, *filters: str, qos: int = 0) -> RawDevice:
        """A connection that is signed in and has subscribed."""
        device = self.device()
        assert device.connect() == 0
        if filters:
            assert device.subscribe(*filters, qos=qos) == [qos] * len(filters)
        return device


@dataclass(frozen=True)
class Platform:
    """A difference on purpose: what the gateway and mosquitto answer, and whose rule it is.

    Numbers are the platform's pages: "MQTT protocol specifications" (30540), "Establish MQTT
    connections over TCP" (73742), "Limits" (30527). `lenient`: mosquitto 2.0.11 takes what the
    standard forbids; a stricter one may agree with the gateway.
    """

    gateway: list[str]
    mosquitto: list[str]
    reason: str
    lenient: bool = False


@dataclass(frozen=True)
class Check:
    """One row of the comparison."""

    name: str
    run: Callable[[End], list[str]]
    differs: Platform | None


CHECKS: list[Check] = []


def check(
    name: str, differs: Platform | None = None
) -> Callable[[Callable[[End], list[str]]], Callable[[End], list[str]]]:
    """Add the function below as a check."""

    def add(run: Callable[[End], list[str]]) -> Callable[[End], list[str]]:
        CHECKS.append(Check(name, run, differs))
        return run

    return add


def answers(device: RawDevice, data: bytes, *, ping: bool = True) -> list[str]:
    """Send bytes; every packet that comes back, up to the answer of a ping or the close.

    With the ping no answer is waited for in vain. Packet: first byte, colon, body, in hex.
    """
    said: list[str] = []
    try:
        device.send(data)
        if ping:
            device.send(b"\xc0\0")
        while not said or said[-1] != PONG:
            first, body = device.receive()
            said.append(f"{first:02x}:{body.hex()}")
            if not ping and len(said) == 1:
                return said
    except (EOFError, ConnectionError):
        said.append("closed")
    return said


def connecting(what: str, differs: Platform | None = None, /, **fields: Any) -> None:
    """Add a check of a CONNECT with these fields (see connect_packet())."""
    raw_connecting(what, connect_packet(**fields), differs)


def raw_connecting(name: str, data: bytes, differs: Platform | None = None) -> None:
    """Add a check of a connection that begins with these bytes."""

    @check(name, differs)
    def run(end: End) -> list[str]:
        with end.device() as device:
            return answers(device, data)


def signed_in(
    name: str, data: bytes, differs: Platform | None = None, *filters: str, qos: int = 0
) -> None:
    """Add a check of these bytes from a device that is signed in and has subscribed."""

    @check(name, differs)
    def run(end: End) -> list[str]:
        with end.signed_in(*filters, qos=qos) as device:
            return answers(device, data)


def subscribing(number: int, *filters: tuple[str, int], first: int = 0x82) -> bytes:
    """A SUBSCRIBE for each (filter, QoS)."""
    body = struct.pack(">H", number)
    for topic_filter, qos in filters:
        body += text(topic_filter) + bytes([qos])
    return packet(first, body)


def publishing(first: int, topic: str | bytes, rest: bytes) -> bytes:
    """A PUBLISH; `rest` is what follows the topic: with QoS 1 its number, and the payload."""
    return packet(first, text(topic) + rest)
