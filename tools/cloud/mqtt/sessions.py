"""What the connections of one gateway share, and the rules that need to know more than one."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from tools.cloud.context import Context
from tools.cloud.identity import Identity
from tools.cloud.mqtt.registrar import Registrar
from tools.cloud.mqtt.service import Service
from tools.cloud.records import Message


class Peer(Protocol):
    """One connection, as the others know it."""

    identity: Identity | None
    closed_because: str

    def close(self, reason: str) -> None:
        """Close it."""


P = TypeVar("P", bound=Peer)


class Sessions(Generic[P]):
    """Who is connected and who is signed in. `registrar` answers devices without a secret;
    `service` hears what devices say; while it is `dead` nothing is read or answered."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.registrar = Registrar(context.store, context.clock)
        self.service: Service | None = None
        self.sessions: dict[Identity, P] = {}
        self.connections: set[P] = set()
        self.seen: dict[Identity, float] = {}  # when a device said something last, or went away
        self.dead = False
        self._connects: dict[Identity, list[float]] = {}

    def may_connect(self, identity: Identity) -> bool:
        """Count a CONNECT; False when it is one too many within a minute."""
        now, allowed = self.context.clock.monotonic(), self.context.faults.connects_per_minute
        times = [t for t in self._connects.get(identity, []) if now - t < 60.0]
        times.append(now)
        self._connects[identity] = times
        if allowed is None or len(times) <= allowed:
            return True
        self.context.records.violation(
            identity,
            "connect rate",
            f"{len(times)} CONNECTs in a minute; the platform takes {allowed} and closes the rest "
            "without an answer (`serve --no-limits` takes them)",
        )
        return False

    def signed_in(self, connection: P, identity: Identity) -> None:
        """Make a connection the device's session; an earlier one is evicted."""
        earlier = self.sessions.get(identity)
        self.sessions[identity] = connection
        self.seen[identity] = self.context.clock.time()
        if earlier is not None:
            why = "evicted: a second connection with the same identity"
            earlier.close(why)
            # gone() is silent about it: the device as such stays online.
            self.context.records.note("offline", identity, why)

    def gone(self, connection: P) -> None:
        """A connection is closed."""
        self.connections.discard(connection)
        self.context.records.changed()
        identity = connection.identity
        if identity is not None and self.sessions.get(identity) is connection:
            del self.sessions[identity]
            self.seen[identity] = self.context.clock.time()
            self.context.records.note(
                "offline", identity, connection.closed_because or "went away"
            )

    def record(
        self, direction: str, identity: Identity, topic: str, qos: int, payload: bytes, pid: int
    ) -> Message:
        """Put a message on the record."""
        if direction == "up":
            self.seen[identity] = self.context.clock.time()
        return self.context.records.add_message(
            Message(self.context.clock.time(), direction, str(identity), topic, qos, payload, pid)
        )
