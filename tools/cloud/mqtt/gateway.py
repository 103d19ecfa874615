"""The device gateway: the way to each device, and the gateway's own bad days.

One `Gateway` serves the plain and the TLS listener. connection.py has the life of one connection,
sessions.py what connections share; what messages mean is the business of the service (ota/).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tools.cloud.identity import Identity
from tools.cloud.mqtt import packets
from tools.cloud.mqtt.connection import Connection
from tools.cloud.mqtt.sessions import Sessions


class Gateway(Sessions[Connection]):
    """Makes connections, and finds the one that leads to a device."""

    def protocol(self, tls: bool) -> Callable[[], asyncio.Protocol]:
        """The factory for one listener's connections."""
        return lambda: Connection(self, tls)

    def reaches(self, identity: Identity, topic: str) -> bool:
        """Whether a device is here and has subscribed to this topic."""
        session = self.sessions.get(identity)
        return session is not None and not self.dead and session.receives(topic)

    def send(
        self, identity: Identity, topic: str, payload: bytes, qos: int = 0, *, push: bool = False
    ) -> bool:
        """Send a message to a device; False when it is not there or has not subscribed.

        `push` marks upgrade pushes, which the push faults apply to.
        """
        session = self.sessions.get(identity)
        if session is None or not self.reaches(identity, topic):
            return False
        return session.deliver(topic, payload, qos, push=push)

    def drop(self, identity: Identity) -> None:
        """End the connection of a device that is known no longer."""
        self.seen.pop(identity, None)
        session = self.sessions.pop(identity, None)
        if session is not None:
            session.close("the device was removed")
            self.context.records.note("offline", identity, "the device was removed")

    def cut(self, identity: Identity, topic: str, payload: bytes) -> None:
        """Send half of a message to a device, and drop its connection."""
        session = self.sessions.get(identity)
        if session is not None and session.receives(topic):
            data = packets.publish(topic, payload, 0, 0)
            session.cut(data[: len(data) // 2])

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
