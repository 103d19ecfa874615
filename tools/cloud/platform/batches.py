"""Update batches and their device tasks, as the API tells them."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Any

from tools.cli import Refused
from tools.cloud.operator import asking
from tools.cloud.operator.show import Row
from tools.cloud.platform.api import Api

UNFINISHED = ("CONFIRM", "QUEUED", "NOTIFIED", "IN_PROGRESS")
STATES = (*UNFINISHED, "SUCCEEDED", "FAILED", "CANCELED")
ENDED = ("COMPLETED", "CANCELED")


def batch(api: Api, job: str) -> Row:
    """One update batch."""
    said = api.call("QueryOTAJob", JobId=job)["Data"]
    return {
        "job": job,
        "state": said.get("JobStatus"),
        "product": said.get("ProductKey"),
        "version": said.get("DestVersion"),
        "kind": str(said.get("SelectionType") or "STATIC").lower(),
        "package": said.get("FirmwareId"),
        "created": said.get("UtcCreate"),
    }


def tasks(
    api: Api, job: str, state: str | None = None, names: list[str] | None = None
) -> list[Row]:
    """The tasks of a batch."""
    found = api.pages(
        "ListOTATaskByJob",
        "Data",
        "SimpleOTATaskInfo",
        JobId=job,
        TaskStatus=state,
        DeviceNames=names,
    )
    return [task_row(one) for one in found]


def task(api: Api, job: str, device_name: str) -> Row:
    """The task of one device in a batch. Raises Refused."""
    for row in tasks(api, job, names=[device_name]):
        return row
    raise Refused(f"{device_name} has no task in {job}", "`task list JOB` shows who has.")


def of_package(api: Api, package: str) -> list[Row]:
    """Every task of a package, the newest batch first."""
    found = []
    for said in api.pages("ListOTAJobByFirmware", "Data", "SimpleOTAJobInfo", FirmwareId=package):
        found += tasks(api, said["JobId"])
    return found


def add_task(parser: argparse.ArgumentParser) -> None:
    """JOB DEVICE_NAME."""
    parser.add_argument("job", metavar="JOB")
    parser.add_argument("device_name", metavar="DEVICE_NAME")


def cancel(api: Api, job: str, *, in_progress: bool = False) -> None:
    """Cancel what has not begun of a batch, and with `in_progress` the rest."""
    api.call(
        "CancelOTATaskByJob",
        JobId=job,
        CancelScheduledTask=True,
        CancelQueuedTask=True,
        CancelNotifiedTask=True,
        CancelUnconfirmedTask=True,
        CancelInProgressTask=in_progress,
    )


def told_open(found: list[Row]) -> str:
    """What it means for unfinished tasks, behind a comma; "" when there is none."""
    return asking.loss([f"{one['device']} to {one['version']} ({one['state']})" for one in found])


def task_row(said: dict[str, Any]) -> Row:
    """A task."""
    return {
        "device": said.get("DeviceName"),
        "state": said.get("TaskStatus"),
        "progress": said.get("Progress"),
        "from": said.get("SrcVersion"),
        "version": said.get("DestVersion"),
        "why": said.get("TaskDesc"),
        "created": said.get("UtcCreate"),
        "changed": said.get("UtcModified"),
        "task": said.get("TaskId"),
        "job": said.get("JobId"),
    }


def counts(found: Iterable[Row]) -> dict[str, int]:
    """State -> how many tasks are in it, in the order of a task's life."""
    states = [row["state"] for row in found]
    return {state: states.count(state) for state in STATES if state in states}


def told(counted: dict[str, int]) -> str:
    """Counts in words."""
    return ", ".join(f"{count} {state}" for state, count in counted.items()) or "no device yet"
