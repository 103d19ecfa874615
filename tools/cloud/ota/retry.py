"""Who is tried again ("Create an update batch": retries)."""

from __future__ import annotations

from tools.cloud.ota.batches import terms_of
from tools.cloud.store import Batch, Task


def wait_min(task: Task, batch: Batch) -> int | None:
    """After how many minutes a device that failed by itself is told again; None: never.

    A time-out is no failure by itself, and an ended batch has no retries.
    """
    terms = terms_of(batch)
    if task.retries >= terms.retry_times or batch.state != "RUNNING":
        return None
    return terms.retry_after_min
