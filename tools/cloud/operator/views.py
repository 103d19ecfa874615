"""What `status` and `watch` show, made of a snapshot (see control.py)."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tools.cloud.shown import shown

_COLOURS = {
    "SUCCEEDED": "green",
    "FAILED": "red",
    "IN_PROGRESS": "cyan",
    "NOTIFIED": "yellow",
    "CONFIRM": "magenta",
}
_KINDS = {"refused": "red", "violation": "red", "task": "bold", "online": "green", "tls": "red"}
_TASKS = 15


def console() -> Console:
    """Where commands print: names and paths as they are, nothing in them is markup."""
    return Console(highlight=False, markup=False)


def note_line(when: float, kind: str, device: str, text: str) -> Text:
    """One line of the console."""
    line = Text(time.strftime("%H:%M:%S ", time.localtime(when)), "dim")
    line.append(f"{kind:<10}", _KINDS.get(kind, ""))
    line.append(shown(f"{device}  {text}"))
    return line


def render(snapshot: dict[str, Any]) -> RenderableType:
    """Devices, tasks, running downloads, the last notes."""
    parts: list[RenderableType] = [_devices(snapshot), _tasks(snapshot["tasks"])]
    if snapshot.get("batches"):
        parts.append(_batches(snapshot["batches"]))
    if snapshot.get("downloads"):
        parts.append(_downloads(snapshot["downloads"]))
    parts += [note_line(*note) for note in snapshot.get("notes", [])]
    if snapshot.get("violations"):
        parts.append(Text(f"{snapshot['violations']} violations of the platform's rules", "red"))
    if snapshot.get("broker"):
        parts.append(Text(shown(f"broker {snapshot['broker']} (it does not tell who is online)")))
    if "ports" not in snapshot:
        parts.append(Text("server: not running (start it with `serve`)", "yellow"))
    return Group(*parts)


def _devices(snapshot: dict[str, Any]) -> Table:
    table = Table("device", "", "version", title="devices", title_justify="left")
    online = snapshot.get("online", {})
    for device, versions in snapshot["devices"].items():
        link = Text("-")
        if device in online:
            link = Text("TLS" if online[device] else "plain", "green")
        told = ", ".join(v if m == "default" else f"{m} {v}" for m, v in versions.items())
        table.add_row(device, link, told or "never reported")
    return table


def _tasks(tasks: list[dict[str, Any]]) -> Table:
    table = Table("device", "from", "to", "state", "step", "", title="tasks", title_justify="left")
    for task in tasks[-_TASKS:]:
        table.add_row(
            task["device"],
            task["source"] or "?",
            _target(task),
            Text(task["state"], _COLOURS.get(task["state"], "")),
            "" if task["step"] is None else str(task["step"]),
            Text(task["desc"]),
        )
    return table


def _target(row: dict[str, Any]) -> str:
    """The version something is upgraded to, with its module unless that is the default one."""
    default = row["module"] == "default"
    return str(row["version"]) if default else f"{row['module']} {row['version']}"


def _batches(batches: list[dict[str, Any]]) -> Table:
    table = Table("", "product", "to", "", "devices", title="batches", title_justify="left")
    for batch in batches[-_TASKS:]:
        counts = Text(", ").join(
            Text(f"{count} {state}", _COLOURS.get(state, ""))
            for state, count in sorted(batch["counts"].items())
        )
        kind = "dynamic" if batch["dynamic"] else "static"
        if batch["state"] != "RUNNING":
            kind += f", {batch['state']}"
        table.add_row(
            str(batch["id"]), batch["product"], _target(batch), kind, counts or Text("none yet")
        )
    return table


def _downloads(downloads: list[dict[str, Any]]) -> Table:
    table = Table("device", "file", "", "", title="downloads", title_justify="left")
    for download in downloads:
        done = download["start"] + download["sent"]
        table.add_row(
            download["device"],
            download["file"],
            ProgressBar(total=max(1, download["size"]), completed=done, width=30),
            f"{done} / {download['size']}",
        )
    return table
