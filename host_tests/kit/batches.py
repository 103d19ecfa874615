"""Four devices and two versions for them, and what became of a batch."""

from __future__ import annotations

from host_tests.kit.raw_mqtt import PK, SECRET
from tools.cloud import LocalCloud, Task

NAMES = ("north", "south", "east", "west")


def four_devices(cloud: LocalCloud) -> None:
    """What prepare() of a test file may be."""
    cloud.faults.connects_per_minute = None
    for name in NAMES:
        cloud.add_device(PK, name, SECRET)
    for version in ("1.1.0", "1.2.0"):
        cloud.add_release(PK, version, version.encode())


def states(cloud: LocalCloud, batch: int) -> dict[str, str]:
    return {task.device_name: task.state for task in cloud.batch_tasks(batch)}


def history(task: Task) -> list[tuple[str, str]]:
    return [(event.state, event.desc) for event in task.history]


def only(cloud: LocalCloud, batch: int) -> Task:
    (task,) = cloud.batch_tasks(batch)
    return task
