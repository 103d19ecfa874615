"""What is different between two reports (status_report.py), for who reads `watch` in a pipe."""

from __future__ import annotations

import time
from collections.abc import Iterator

from tools.cloud.operator import listing, show
from tools.cloud.operator.show import Row
from tools.cloud.printable import shown
from tools.terminal import painted

# List -> what its rows are told apart by.
_KEYS = {"devices": ("product", "device"), "tasks": ("task",), "batches": ("batch",)}
_QUIET = ("seen",)  # each message of a device changes it


def changes(before: Row, now: Row) -> Iterator[Row]:
    """A row for each device, task and batch that is new or other, or gone; with its `event`."""
    for name, key in _KEYS.items():
        event = {"devices": "device", "tasks": "task", "batches": "batch"}[name]
        old = {tuple(row[one] for one in key): row for row in before.get(name, [])}
        for row in now[name]:
            known = old.pop(tuple(row[one] for one in key), None)
            if known is None or _loud(known) != _loud(row):
                yield {"event": event, **row}
        for row in old.values():
            yield {"event": f"{event} removed", **{one: row[one] for one in key}}


def _loud(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in _QUIET}


def worded(event: Row) -> str:
    """A change as a line."""
    name = f"{event['product']}/{event['device']}" if "device" in event else ""
    clock = painted(time.strftime("%H:%M:%S"), "dim")
    what = event["event"]
    if what == "device":
        told = [name, _state(event["status"]), listing.versions(event["versions"])]
    elif what == "task":
        step = "" if event["progress"] is None else str(event["progress"])
        way = f"{event['from'] or '?'} -> {listing.target(event)}"
        told = [str(event["task"]), name, way, _state(event["state"]), step]
        told.append(shown(event["why"] or ""))
    elif what == "batch":
        told = [str(event["batch"]), event["product"], listing.target(event), event["state"]]
        told.append(listing.counted(event["counts"]))
    else:
        told = [name or str(event.get("task", event.get("batch")))]
    return "  ".join([clock, f"{what:<6}", *(one for one in told if one)])


def _state(state: str) -> str:
    return painted(state, show.STATES.get(state, ""))
