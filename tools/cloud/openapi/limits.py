"""How often each operation may be called in a second, by its page (per account)."""

from __future__ import annotations

from tools.cloud.clock import Clock
from tools.cloud.faults import Faults
from tools.cloud.openapi.errors import GatewayError

_USUAL = 10
_OTHERS = {
    "BatchGetDeviceState": 50,
    "CancelOTATaskByJob": 5,
    "ConfirmOTATask": 20,
    "CreateOTADynamicUpgradeJob": 20,
    "CreateOTAStaticUpgradeJob": 20,
    "GetDeviceStatus": 500,
    "Pub": 1600,
    "QueryDevice": 50,
    "QueryDeviceDetail": 50,
    "QueryOTAFirmware": 20,
}


class Limits:
    """Counts calls. Raises GatewayError (Throttling.User) for one too many."""

    def __init__(self, clock: Clock, faults: Faults) -> None:
        self._clock = clock
        self._faults = faults
        self._calls: dict[str, list[float]] = {}

    def count(self, action: str) -> None:
        """Count a call of this operation."""
        now, allowed = self._clock.monotonic(), _OTHERS.get(action, _USUAL)
        calls = [when for when in self._calls.get(action, []) if now - when < 1.0]
        self._calls[action] = calls
        if len(calls) >= allowed and self._faults.limit_calls:
            raise GatewayError(
                400, "Throttling.User", "Request was denied due to user flow control."
            )
        calls.append(now)
