"""When a task has succeeded, and when it has failed: by what its device says, and by the time.

States and verdicts: "View update status" (202667) and "What are the causes for OTA update
failures" (301639). The one verdict of success is a version report that equals the target; a
progress of 100 is not.
"""

from __future__ import annotations

from typing import NamedTuple

from tools.cloud.store import Task


class Verdict(NamedTuple):
    """How a task ended: "SUCCEEDED" or "FAILED", and why."""

    state: str
    why: str


def of_version(task: Task, version: str) -> Verdict | None:
    """What the report of a version means for the device's task; None: it goes on."""
    if version == task.version:
        return Verdict("SUCCEEDED", f"the device reports {version}")
    if task.state == "IN_PROGRESS" and version != task.source:
        return Verdict(
            "FAILED",
            f"the device reports {version}, which is neither {task.source or 'its version'} "
            f"nor {task.version}",
        )
    return None


def of_step(step: int, desc: str) -> Verdict | None:
    """What a step of progress means; None: it goes on."""
    return Verdict("FAILED", desc) if step < 0 else None


def of_time(task: Task) -> Verdict:
    """The task's time is up."""
    return Verdict("FAILED", f"no result within {task.timeout_min} min of the first progress")
