"""Light sessions: what a fleet says on the wire, without its boards. Thousands fit one process.

Each signs in at a broker, subscribes, reports its version, takes a push, reports progress and the
new version, and stays: MQTT 3.1.1 as alink speaks it, of which no more is read than comes.
"""

from __future__ import annotations

import asyncio
import json
import struct
from typing import cast

from tools.cloud.identity import Identity
from tools.cloud.mqtt import packets, topics
from tools.cloud.mqtt.mosquitto import login

KEEPALIVE_S = 1200
_STEPS = (1, 50, 100)
_AT_ONCE = 100  # that are signing in
_PACKET_BYTES = 256 * 1024


def _connect(identity: Identity, secret: str) -> bytes:
    one = login(identity, secret)
    body = b"\0\4MQTT\4\xc2" + struct.pack(">H", KEEPALIVE_S)
    for text in (one.client_id, one.user_name, one.password):
        body += _text(text)
    return _packet(packets.CONNECT << 4, body)


def _subscribe(topic: str) -> bytes:
    return _packet(packets.SUBSCRIBE << 4 | 2, b"\0\1" + _text(topic) + b"\1")


def _text(text: str) -> bytes:
    return struct.pack(">H", len(text)) + text.encode()


def _packet(first: int, body: bytes) -> bytes:
    low, high = len(body) & 127, len(body) >> 7
    return bytes([first, low | 128, high] if high else [first, low]) + body


class LightSession(asyncio.Protocol):
    """One device. `ready` is over when it has reported `version`; it counts in its fleet then."""

    def __init__(self, fleet: LightFleet, identity: Identity, secret: str, version: str) -> None:
        self._fleet = fleet
        self._identity = identity
        self._secret = secret
        self._version = version
        self._splitter = packets.Splitter(_PACKET_BYTES)
        self._transport: asyncio.Transport | None = None
        self._number = 0
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(_connect(self._identity, self._secret))

    def data_received(self, data: bytes) -> None:
        for packet in self._splitter.feed(data):
            if packet.kind == packets.CONNACK:
                self._write(_subscribe(topics.name(topics.UPGRADE, self._identity)))
            elif packet.kind == packets.SUBACK:
                self._report(self._version)
                if not self.ready.done():
                    self.ready.set_result(None)
            elif packet.kind == packets.PUBLISH:
                self._take(packets.read_publish(packet))

    def _take(self, push: packets.Publish) -> None:
        if push.qos:
            self._write(packets.puback(push.packet_id))
        for step in _STEPS:
            self._say(topics.PROGRESS, {"step": str(step), "desc": ""})
        self._report(json.loads(push.payload)["data"]["version"])
        self._fleet.pushed += 1

    def _report(self, version: str) -> None:
        self._say(topics.INFORM, {"version": version})

    def _say(self, template: str, params: dict[str, str]) -> None:
        self._number += 1
        payload = json.dumps({"id": str(self._number), "params": params}).encode()
        self._write(packets.publish(topics.name(template, self._identity), payload))

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._fleet.lost += 1
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(f"{self._identity} was refused"))

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.abort()


class LightFleet:
    """All of them. `pushed` of them took their push so far, `lost` connections have ended."""

    def __init__(self, port: int, secrets: dict[Identity, str], version: str) -> None:
        self._port = port
        self._secrets = secrets
        self._version = version
        self._sessions: list[LightSession] = []
        self.pushed = 0
        self.lost = 0

    async def sign_in(self) -> None:
        """Sign all of them in, some at a time. Raises OSError."""
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(identity: Identity, secret: str) -> None:
            async with gate:
                _, session = await asyncio.get_running_loop().create_connection(
                    lambda: LightSession(self, identity, secret, self._version),
                    "127.0.0.1",
                    self._port,
                )
                self._sessions.append(session)
                await session.ready

        await asyncio.gather(*(one(*known) for known in self._secrets.items()))

    def close(self) -> None:
        """Hang all of them up."""
        for session in self._sessions:
            session.close()
