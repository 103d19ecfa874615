"""MQTT 3.1.1 as a script of raw packets: every check there is."""

from __future__ import annotations

from host_tests.kit import mqtt_connecting, mqtt_messages
from host_tests.kit.mqtt_check import CHECKS

# Each part adds its checks where it is imported: connecting first, as in docs/cloud.md.
__all__ = ["CHECKS", "mqtt_connecting", "mqtt_messages"]
