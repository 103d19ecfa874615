"""The platform's limits, as numbers: how often a device and a caller of the API may do what.

mqtt/throttling.py and openapi/throttling.py see to it that they are kept.
"""

from __future__ import annotations

from dataclasses import dataclass

# Calls of an operation of the API in a second, per account, by its page.
CALLS_PER_S = 10
OTHER_CALLS_PER_S = {
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


@dataclass
class Limits:
    """Those of a device ("Limits", 30527), and whether those of the API hold.

    None takes a limit away; breaking one is recorded in `violations`, the CONNECT is closed
    without an answer, a message is dropped silently, a subscription is refused, a SUBSCRIBE of too
    many filters closes the connection. How the platform answers the last two is not documented.
    """

    connects_per_minute: int | None = 5
    uplink_qos0_per_s: int | None = 30
    uplink_qos1_per_s: int | None = 10
    subscriptions: int | None = 100
    filters_per_subscribe: int | None = 8
    limit_calls: bool = True  # CALLS_PER_S

    def lift_limits(self) -> None:
        """Take every limit away."""
        self.connects_per_minute = self.uplink_qos0_per_s = self.uplink_qos1_per_s = None
        self.subscriptions = self.filters_per_subscribe = None
        self.limit_calls = False
