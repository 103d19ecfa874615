"""What `status` and `watch` show of what is kept, with or without a running server."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from tools.cloud.store import UNFINISHED, Batch, CloudStore, Task


def kept(store: CloudStore) -> dict[str, Any]:
    """Devices, tasks and batches for tables: no secret and no link in it."""
    return {
        "devices": {str(identity): told for identity, told in store.all_versions().items()},
        "seen": {str(identity): when for identity, when in store.seen().items()},
        "falls": {str(identity): asdict(fall) for identity, fall in store.falls().items()},
        "tasks": [outline(one) for one in store.outlines()],
        "batches": _batches(store),
    }


def _batches(store: CloudStore) -> list[dict[str, Any]]:
    """Batches for a table: what they are for, and how many of their tasks are in which state."""
    return [_batch(batch, store.counts(batch.id)) for batch in store.batches()]


def _batch(batch: Batch, counts: dict[str, int]) -> dict[str, Any]:
    # A static batch is over with its last task, and is not written down again for that.
    over = batch.state == "RUNNING" and not batch.dynamic and not counts.keys() & UNFINISHED
    return {
        "id": batch.id,
        "product": batch.product_key,
        "module": batch.module,
        "version": batch.version,
        "dynamic": batch.dynamic,
        "state": "COMPLETED" if over else batch.state,
        "counts": counts,
    }


def outline(task: Task) -> dict[str, Any]:
    """A task for a table."""
    return {
        "id": task.id,
        "batch": task.batch,
        "device": str(task.identity),
        "module": task.module,
        "source": task.source,
        "version": task.version,
        "state": task.state,
        "step": task.step,
        "desc": task.desc,
        "created": task.created,
    }


def history(store: CloudStore, number: int) -> dict[str, Any]:
    """One task with its `history`, line by line. Raises KeyError when there is none."""
    task = store.task_by_id(number)
    return {**outline(task), "history": [asdict(event) for event in task.history]}
