"""What stands behind the gateway or a broker, and the way from there to a device."""

from __future__ import annotations

from typing import Protocol

from tools.cloud.identity import Identity


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

    def reaches(self, identity: Identity, topic: str) -> bool:
        """Whether a message to this topic can be sent to a device now, as far as is known."""

    def send(
        self, identity: Identity, topic: str, payload: bytes, qos: int = 0, *, push: bool = False
    ) -> bool:
        """Send a message to a device; False when that is not possible now."""
