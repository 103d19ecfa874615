"""The local stand-in for the Alibaba Cloud IoT Platform: gateway, OTA service and downloads."""

from .faults import Dialect, Faults
from .local import Device, LocalCloud
from .records import Block, Download, Message, Note, Violation
from .store import Event, Release, Task
from .tasks import CloudError

__all__ = [
    "Block",
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
    "Task",
    "Violation",
]
