"""What the connections of one gateway share, and the rules that need to know more than one."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from tools.cloud.context import Context
from tools.cloud.identity import Identity
from tools.cloud.mqtt.registrar import Registrar
from tools.cloud.mqtt.service import Service
from tools.cloud.mqtt.throttling import SignIns
from tools.cloud.records import Message


class Peer(Protocol):
    """One connection, as the others know it."""

    identity: Identity | None
    closed_because: str

    def close(self, reason: str) -> None:
        """Close it."""


P = TypeVar("P", bound=Peer)


class Sessions(Generic[P]):
    """Who is connected and who is signed in. `sign_ins` counts CONNECTs, `registrar` answers
    devices without a secret, `service` hears what devices say; while it is `dead` nothing is read
    or answered."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.sign_ins = SignIns(context)
        self.registrar = Registrar(context.store, context.clock)
        self.service: Service | None = None
        self.sessions: dict[Identity, P] = {}
        self.connections: set[P] = set()
        self.seen: dict[Identity, float] = {}  # when a device said something last, or went away
        self.dead = False

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
