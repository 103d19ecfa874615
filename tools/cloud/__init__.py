"""The local stand-in for the Alibaba Cloud IoT Platform: gateway, OTA service and downloads."""

from .batches import Terms
from .broker import Broker
from .faults import Dialect, Faults
from .local import Device, LocalCloud
from .records import Block, Download, Message, Note, SignedIn, Violation
from .store import Batch, Event, Release, Task
from .tasks import CloudError

__all__ = [
    "Batch",
    "Block",
    "Broker",
    "CloudError",
    "Device",
    "Dialect",
    "Download",
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
