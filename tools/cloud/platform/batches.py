"""Update batches and their device tasks, as the API tells them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

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


def task_row(said: dict[str, Any]) -> Row:
    """A task."""
    return {
        "device": said.get("DeviceName"),
        "state": said.get("TaskStatus"),
        "progress": said.get("Progress"),
        "from": said.get("SrcVersion"),
        "version": said.get("DestVersion"),
        "why": said.get("TaskDesc"),
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
