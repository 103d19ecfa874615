"""The local stand-in for the Alibaba Cloud IoT Platform: gateway, OTA service and downloads.

Its names are loaded when they are asked for: the stand-in itself takes four times as long to load
as everything that most commands need.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tools.cloud.dialect import Dialect
    from tools.cloud.faults import Faults
    from tools.cloud.local import AddedDevice, LocalCloud
    from tools.cloud.mqtt.broker import Broker
    from tools.cloud.ota.batches import Terms
    from tools.cloud.records import Block, DownloadRequest, Message, Note, SignedIn, Violation
    from tools.cloud.store import Batch, Event, Release, Task

__all__ = [
    "AddedDevice",
    "Batch",
    "Block",
    "Broker",
    "Dialect",
    "DownloadRequest",
    "Event",
    "Faults",
    "LocalCloud",
    "Message",
    "Note",
    "Release",
    "SignedIn",
    "Task",
    "Terms",
    "Violation",
]

_PLACES = {
    "dialect": ("Dialect",),
    "faults": ("Faults",),
    "local": ("AddedDevice", "LocalCloud"),
    "mqtt.broker": ("Broker",),
    "ota.batches": ("Terms",),
    "records": ("Block", "DownloadRequest", "Message", "Note", "SignedIn", "Violation"),
    "store": ("Batch", "Event", "Release", "Task"),
}


def __getattr__(name: str) -> Any:
    for place, names in _PLACES.items():
        if name in names:
            found = globals()[name] = getattr(import_module(f"{__name__}.{place}"), name)
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
