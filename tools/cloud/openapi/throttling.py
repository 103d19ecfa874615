"""Whether an operation is called too often: limits.py has how often it may be."""

from __future__ import annotations

from tools.cloud.clock import Clock
from tools.cloud.faults import Faults
from tools.cloud.limits import CALLS_PER_S, OTHER_CALLS_PER_S
from tools.cloud.openapi.errors import GatewayError


class Throttle:
    """Counts calls. Raises GatewayError (Throttling.User) for one too many."""

    def __init__(self, clock: Clock, faults: Faults) -> None:
        self._clock = clock
        self._faults = faults
        self._calls: dict[str, list[float]] = {}

    def count(self, action: str) -> None:
        """Count a call of this operation."""
        now, allowed = self._clock.monotonic(), OTHER_CALLS_PER_S.get(action, CALLS_PER_S)
        calls = [when for when in self._calls.get(action, []) if now - when < 1.0]
        self._calls[action] = calls
        if len(calls) >= allowed and self._faults.limit_calls:
            raise GatewayError(
                400, "Throttling.User", "Request was denied due to user flow control."
            )
        calls.append(now)
