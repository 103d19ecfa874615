"""The local stand-in for the Alibaba Cloud IoT Platform: gateway, OTA service and downloads."""

from tools.cloud.faults import Dialect, Faults
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
