"""Whether a device signs in or speaks too often, or of too long topics: "Limits" (30527).

limits.py has the numbers, of which a test or `serve --no-limits` takes some away.
"""

from __future__ import annotations

from tools.cloud.context import Context
from tools.cloud.identity import Identity
from tools.cloud.mqtt import topics


class SignIns:
    """CONNECTs of each device: so many within a minute."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._times: dict[Identity, list[float]] = {}

    def take(self, identity: Identity) -> bool:
        """Count a CONNECT; False when it is one too many, which is recorded."""
        context = self._context
        now, allowed = context.clock.monotonic(), context.faults.connects_per_minute
        times = [t for t in self._times.get(identity, []) if now - t < 60.0]
        times.append(now)
        self._times[identity] = times
        if allowed is None or len(times) <= allowed:
            return True
        context.records.violation(
            identity,
            "connect rate",
            f"{len(times)} CONNECTs in a minute; the platform takes {allowed} and closes the rest "
            "without an answer (`serve --no-limits` takes them)",
        )
        return False


class Messages:
    """What a device sends over one connection: so many messages a second, by QoS."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._second = [0.0, 0.0]  # when the counted second began, by QoS
        self._counted = [0, 0]

    def take(self, identity: Identity, qos: int) -> bool:
        """Count a message; False when it is one too many, which is recorded."""
        context, faults = self._context, self._context.faults
        allowed = faults.uplink_qos1_per_s if qos else faults.uplink_qos0_per_s
        now = context.clock.monotonic()
        if now - self._second[qos] >= 1.0:
            self._second[qos], self._counted[qos] = now, 0
        self._counted[qos] += 1
        if allowed is None or self._counted[qos] <= allowed:
            return True
        context.records.violation(
            identity, "message rate", f"more than {allowed} messages a second with QoS {qos}"
        )
        return False


def topic_fits(context: Context, identity: Identity, topic: str) -> bool:
    """Whether a topic, or a filter, is no longer than the platform takes; else it is recorded."""
    if topics.within_limits(topic):
        return True
    size, slashes = len(topic.encode()), topic.count("/")
    context.records.violation(
        identity,
        "topic",
        f"{size} bytes and {slashes} slashes; {topics.TOPIC_BYTES} and "
        f"{topics.TOPIC_SLASHES} are allowed",
    )
    return False
