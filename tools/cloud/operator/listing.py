"""What is kept, as rows: in the words that the verbs of --at have for the same things.

Made of a snapshot (rows.py), so it is the same with and without a running server.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tools.cli import Refused
from tools.cloud.openapi.times import utc
from tools.cloud.operator.show import Row
from tools.cloud.ota.tasks import DEFAULT_MODULE
from tools.cloud.store import UNFINISHED, CloudStore, PackageFile, Release

Snapshot = dict[str, Any]
STATUS = ("ONLINE", "OFFLINE", "UNACTIVE")
STATES = (*UNFINISHED, "SUCCEEDED", "FAILED", "CANCELED")


def devices(snapshot: Snapshot) -> list[Row]:
    """Every device: who it is, whether it is there, what it runs, how it fell back last."""
    online, seen = snapshot.get("online", {}), snapshot["seen"]
    found = []
    for name, versions in snapshot["devices"].items():
        product, _, device = name.partition("/")
        status = "OFFLINE" if versions or name in seen else "UNACTIVE"
        fall = snapshot["falls"].get(name)
        found.append(
            {
                "product": product,
                "device": device,
                "status": "ONLINE" if name in online else status,
                "link": ("TLS" if online[name] else "plain") if name in online else None,
                "version": versions.get(DEFAULT_MODULE),
                "versions": versions,
                "seen": _when(seen.get(name)),
                "fall": None if fall is None else {**fall, "time": _when(fall["time"])},
            }
        )
    return found


def device(snapshot: Snapshot, product_key: str, device_name: str) -> Row:
    """One of them. Raises Refused."""
    for row in devices(snapshot):
        if (row["product"], row["device"]) == (product_key, device_name):
            return row
    raise Refused(f"there is no device {product_key}/{device_name}", "`device list` shows them.")


def tasks(snapshot: Snapshot) -> list[Row]:
    """Every task, the oldest first."""
    return [task(one) for one in snapshot["tasks"]]


def task(said: Mapping[str, Any]) -> Row:
    """A task, of what rows.py says of it."""
    product, _, device = said["device"].partition("/")
    return {
        "task": said["id"],
        "batch": said["batch"],
        "product": product,
        "device": device,
        "module": said["module"],
        "from": said["source"] or None,
        "version": said["version"],
        "state": said["state"],
        "progress": said["step"],
        "why": said["desc"] or None,
        "created": _when(said["created"]),
    }


def history(said: Mapping[str, Any]) -> list[Row]:
    """The lines of a task's history, of what rows.history says of it."""
    return [
        {
            "time": _when(one["time"]),
            "state": one["state"],
            "progress": one["step"],
            "why": one["desc"] or None,
        }
        for one in said["history"]
    ]


def batches(snapshot: Snapshot) -> list[Row]:
    """Every batch, the oldest first."""
    return [
        {
            "batch": one["id"],
            "product": one["product"],
            "module": one["module"],
            "version": one["version"],
            "kind": "dynamic" if one["dynamic"] else "static",
            "state": one["state"],
            "counts": one["counts"],
        }
        for one in snapshot["batches"]
    ]


def downloads(snapshot: Snapshot) -> list[Row]:
    """What is being downloaded now."""
    return [
        {
            "device": one["device"],
            "file": one["file"],
            "done": one["start"] + one["sent"],
            "size": one["size"],
        }
        for one in snapshot.get("downloads", [])
    ]


def note(when: float, kind: str, device: str, text: str) -> Row:
    """A line of the console."""
    return {"time": _when(when), "kind": kind, "device": device, "text": text}


def releases(store: CloudStore, product_key: str | None = None) -> list[Row]:
    """Every package, the newest first; behind each the differences to it."""
    found = []
    for release in reversed(store.releases()):
        if product_key in (None, release.product_key):
            found += release_rows(release)
    return found


def release_rows(release: Release) -> list[Row]:
    """A package, then its differences."""
    kept: list[tuple[str | None, tuple[PackageFile, ...], dict[str, Any]]] = [
        (None, release.files, release.data)
    ]
    kept += [(one.source, (one.file,), one.data) for one in release.differences]
    return [
        {
            "product": release.product_key,
            "version": release.version,
            "module": release.module,
            "from": source,
            "size": sum(file.size for file in files),
            "files": [file.name for file in files],
            "sign_method": release.sign_method,
            "signed": "digestsign" in data,
        }
        for source, files, data in kept
    ]


def versions(told: Mapping[str, str]) -> str:
    """What a device has reported, in a cell."""
    parts = [v if m == DEFAULT_MODULE else f"{m} {v}" for m, v in told.items()]
    return ", ".join(parts) or "never reported"


def target(row: Mapping[str, Any]) -> str:
    """The version that something is upgraded to, with its module unless that is the default."""
    default = row["module"] == DEFAULT_MODULE
    return str(row["version"]) if default else f"{row['module']} {row['version']}"


def counted(counts: Mapping[str, int]) -> str:
    """How many tasks of a batch are in which state, in a cell."""
    told = [f"{counts[state]} {state}" for state in STATES if state in counts]
    return ", ".join(told) or "none yet"


def _when(seconds: float | None) -> str | None:
    return None if seconds is None else utc(seconds)
