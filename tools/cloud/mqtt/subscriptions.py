"""What one device has subscribed to, and what it may."""

from __future__ import annotations

from tools.cloud.context import Context
from tools.cloud.identity import Identity
from tools.cloud.mqtt import packets, topics
from tools.cloud.mqtt.throttling import topic_fits

REFUSED = 0x80


class Subscriptions:
    """The filters of one connection, each with its QoS."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._filters: dict[str, int] = {}

    def receives(self, topic: str) -> bool:
        """True when one of them lets this topic through."""
        return any(packets.matches(topic_filter, topic) for topic_filter in self._filters)

    def subscribe_all(self, identity: Identity) -> None:
        """What the platform subscribes a device to that asks for it with its CONNECT."""
        for template in topics.AUTO_SUBSCRIBED:
            self._filters[topics.name(template, identity)] = 0

    def subscribe(self, identity: Identity, topic_filter: str, qos: int) -> int:
        """Its QoS, or REFUSED: the code of a SUBACK. A broken rule is recorded."""
        faults, records = self._context.faults, self._context.records
        fits = topic_fits(self._context, identity, topic_filter)
        own = topics.is_own(topic_filter, identity)
        most = faults.subscriptions
        room = topic_filter in self._filters or most is None or len(self._filters) < most
        if fits and not own:
            records.violation(identity, "foreign topic", f"a subscription to {topic_filter}")
        elif not room:
            records.violation(identity, "subscriptions", f"more than {most} at once")
        if not (fits and own and room and qos < 2) or faults.suback_refuse:
            return REFUSED
        self._filters[topic_filter] = qos
        return qos

    def unsubscribe(self, topic_filter: str) -> None:
        """Forget it, if it is there."""
        self._filters.pop(topic_filter, None)
