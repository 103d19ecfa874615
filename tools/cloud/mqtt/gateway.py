"""The device gateway: who is signed in, who may sign in, and the way to each device.

One `Gateway` serves the plain and the TLS listener. `connection.py` has the life of one
connection; what messages mean is the business of `Service` (see ota.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from tools.cloud.clock import Clock
from tools.cloud.faults import Dialect, Faults
from tools.cloud.mqtt import packets as mqtt
from tools.cloud.mqtt.connection import Connection
from tools.cloud.mqtt.identity import Identity
from tools.cloud.mqtt.registrar import Registrar
from tools.cloud.records import Message, Records


class Service(Protocol):
    """What stands behind the gateway."""

    def online(self, identity: Identity) -> None:
        """A device signed in (the CONNACK is out)."""

    def subscribed(self, identity: Identity, topic_filter: str) -> None:
        """A device subscribed (the SUBACK is out)."""

    def message(self, identity: Identity, topic: str, payload: bytes) -> None:
        """A device sent something to one of its own topics."""


class Sender(Protocol):
    """The way to a device: the gateway, or somebody's own broker (broker.py)."""

    def send(
        self, identity: Identity, topic: str, payload: bytes, qos: int = 0, *, push: bool = False
    ) -> bool:
        """Send a message to a device; False when that is not possible now."""


class Gateway:
    """Sessions by identity, and the rules that need to know more than one connection.

    `secret_of(identity)` gives a device's secret, or None for a device that does not exist;
    `registrar` answers devices that have none yet.
    """

    def __init__(
        self,
        secret_of: Callable[[Identity], str | None],
        registrar: Registrar,
        records: Records,
        faults: Faults,
        dialect: Dialect,
        clock: Clock,
    ) -> None:
        self.secret_of = secret_of
        self.registrar = registrar
        self.records = records
        self.faults = faults
        self.dialect = dialect
        self.clock = clock
        self.service: Service | None = None
        self.sessions: dict[Identity, Connection] = {}
        self.connections: set[Connection] = set()
        self.dead = False
        self._connects: dict[Identity, list[float]] = {}

    def protocol(self, tls: bool) -> Callable[[], asyncio.Protocol]:
        """The factory for one listener's connections."""
        return lambda: Connection(self, tls)

    def may_connect(self, identity: Identity) -> bool:
        """Count a CONNECT; False when it is one too many within a minute."""
        now, allowed = self.clock.monotonic(), self.faults.connects_per_minute
        times = [t for t in self._connects.get(identity, []) if now - t < 60.0]
        times.append(now)
        self._connects[identity] = times
        if allowed is None or len(times) <= allowed:
            return True
        self.records.violation(
            identity, "connect rate", f"{len(times)} CONNECTs in a minute; {allowed} are allowed"
        )
        return False

    def signed_in(self, connection: Connection, identity: Identity) -> None:
        """Make a connection the device's session; an earlier one is evicted."""
        earlier = self.sessions.get(identity)
        self.sessions[identity] = connection
        if earlier is not None:
            earlier.close("evicted: a second connection with the same identity")

    def gone(self, connection: Connection) -> None:
        """A connection is closed."""
        self.connections.discard(connection)
        self.records.changed()
        identity = connection.identity
        if identity is not None and self.sessions.get(identity) is connection:
            del self.sessions[identity]
            self.records.note("offline", identity, connection.closed_because or "went away")

    def send(
        self, identity: Identity, topic: str, payload: bytes, qos: int = 0, *, push: bool = False
    ) -> bool:
        """Send a message to a device; False when it is not there or has not subscribed.

        `push` marks upgrade pushes, which the push faults apply to.
        """
        session = self.sessions.get(identity)
        if session is None or self.dead or not session.receives(topic):
            return False
        return session.deliver(topic, payload, qos, push=push)

    def cut(self, identity: Identity, topic: str, payload: bytes) -> None:
        """Send half of a message to a device, and drop its connection."""
        session = self.sessions.get(identity)
        if session is not None and session.receives(topic):
            data = mqtt.publish(topic, payload, 0, 0)
            session.cut(data[: len(data) // 2])

    def record(
        self, direction: str, identity: Identity, topic: str, qos: int, payload: bytes, pid: int
    ) -> Message:
        """Put a message on the record."""
        return self.records.add_message(
            Message(self.clock.time(), direction, str(identity), topic, qos, payload, pid)
        )

    def go_dead(self) -> None:
        """Stop reading and answering; the sockets stay open."""
        self.dead = True
        for connection in list(self.connections):
            connection.freeze()

    def come_back(self) -> None:
        """Read and answer again; what arrived meanwhile is read now."""
        self.dead = False
        for connection in list(self.connections):
            connection.thaw()

    def close(self, reason: str) -> None:
        """Drop every connection at once."""
        for connection in list(self.connections):
            connection.close(reason)
