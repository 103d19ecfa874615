"""What `status` and the console of `serve` show: lines of columns, made of a snapshot."""

from __future__ import annotations

import time
from typing import Any

from tools.cloud.operator import listing
from tools.cloud.operator.show import Row, table
from tools.cloud.printable import shown
from tools.terminal import painted

_KINDS = {"refused": "red", "violation": "red", "task": "bold", "online": "green", "tls": "red"}
_LAST = 15  # tasks and batches at most: `task list` shows all


def note_line(when: float, kind: str, device: str, text: str) -> str:
    """One line of the console."""
    clock, name, rest = _note(when, kind, device, text)
    return f"{painted(clock, 'dim')} {painted(name, _KINDS.get(kind, ''))} {rest}"


def note_text(when: float, kind: str, device: str, text: str) -> str:
    """The same without colours."""
    return " ".join(_note(when, kind, device, text))


def _note(when: float, kind: str, device: str, text: str) -> tuple[str, str, str]:
    clock = time.strftime("%H:%M:%S", time.localtime(when))
    return clock, f"{kind:<9}", shown(f"{device}  {text}")


def report(snapshot: dict[str, Any]) -> Row:
    """All of it, for programs."""
    return {
        "server": "ports" in snapshot,
        "devices": listing.devices(snapshot),
        "tasks": listing.tasks(snapshot),
        "batches": listing.batches(snapshot),
        "downloads": listing.downloads(snapshot),
        "notes": [listing.note(*note) for note in snapshot.get("notes", [])],
        "violations": snapshot.get("violations", 0),
        "broker": snapshot.get("broker"),
    }


def summary(found: Row) -> str:
    """A report in a line."""
    devices, tasks = found["devices"], found["tasks"]
    online = sum(one["status"] == "ONLINE" for one in devices)
    states = [one["state"] for one in tasks]
    told = [
        f"{len(devices)} devices, {online} online",
        f"{states.count('IN_PROGRESS')} updating",
        f"{states.count('FAILED')} failed",
    ]
    if found["violations"]:
        told.append(f"{found['violations']} violations")
    if found["broker"]:
        told.append(f"broker {found['broker']}")
    return "   ".join(told)


def lines(snapshot: dict[str, Any]) -> list[str]:
    """Devices, tasks, batches, running downloads, the last notes."""
    found = report(snapshot)
    out = []
    for title in (*HEADS, "downloads"):
        out += _part(title, found[title])
    out += [note_line(*note) for note in snapshot.get("notes", [])]
    if found["violations"]:
        out.append(painted(f"{found['violations']} violations of the platform's rules", "red"))
    if found["broker"]:
        out.append(shown(f"broker {found['broker']} (it does not tell who is online)"))
    if not found["server"]:
        out.append(painted("server: not running (start it with `serve`)", "yellow"))
    return out


def _part(title: str, found: list[Row]) -> list[str]:
    if not found:
        return ["devices: none yet"] if title == "devices" else []
    last = found if title == "devices" else found[-_LAST:]
    more = f" (the last {_LAST} of {len(found)})" if len(last) < len(found) else ""
    rows = short(title, last)
    return [painted(title + more, "bold"), *table(rows, list(rows[0]), indent="  ")]


def short(title: str, found: list[Row]) -> list[Row]:
    """Rows of a report as people see them."""
    made: list[Row] = [_SHORT[title](row) for row in found]
    return made


def _device(row: Row) -> Row:
    return {
        "device": f"{row['product']}/{row['device']}",
        "status": row["status"],
        "link": row["link"],
        "version": listing.versions(row["versions"]),
    }


def _task(row: Row) -> Row:
    return {
        "task": row["task"],
        "device": f"{row['product']}/{row['device']}",
        "from": row["from"],
        "to": listing.target(row),
        "state": row["state"],
        "step": row["progress"],
        "why": row["why"],
    }


def _batch(row: Row) -> Row:
    return {
        "batch": row["batch"],
        "product": row["product"],
        "to": listing.target(row),
        "kind": row["kind"],
        "state": row["state"],
        "devices": listing.counted(row["counts"]),
    }


def _download(row: Row) -> Row:
    share = 100 * row["done"] // max(1, row["size"])
    return {
        "device": row["device"],
        "file": row["file"],
        "done": f"{row['done']} of {row['size']} bytes, {share} %",
    }


_SHORT = {"devices": _device, "tasks": _task, "batches": _batch, "downloads": _download}
# List -> its columns.
HEADS = {
    "devices": ("device", "status", "link", "version"),
    "tasks": ("task", "device", "from", "to", "state", "step", "why"),
    "batches": ("batch", "product", "to", "kind", "state", "devices"),
}
