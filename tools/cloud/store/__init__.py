"""What has to outlive the program, in one SQLite file: devices, releases, tasks, versions.

Every method is one transaction.
"""

from tools.cloud.store.devices import DeviceTables
from tools.cloud.store.entities import (
    UNFINISHED,
    Batch,
    Difference,
    Event,
    Fall,
    PackageFile,
    Product,
    Release,
    Task,
)
from tools.cloud.store.releases import ReleaseTables
from tools.cloud.store.tasks import TaskTables


class CloudStore(DeviceTables, ReleaseTables, TaskTables):
    """The whole of it."""


__all__ = [
    "UNFINISHED",
    "Batch",
    "CloudStore",
    "Difference",
    "Event",
    "Fall",
    "PackageFile",
    "Product",
    "Release",
    "Task",
]
