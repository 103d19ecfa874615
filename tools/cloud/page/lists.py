"""The lists of the page, row by row as HTML: one row is what is sent when something changes.

Every text goes through the same two hands: jinja2 escapes it, whatever it is, and what could
turn the text around it (or talk to a terminal) is shown as U+FFFD.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from tools.cloud.page.bars import bar
from tools.cloud.page.language import CODES, LANGUAGES, words
from tools.cloud.printable import shown

# List -> key -> the row's HTML, in their order.
Lists = dict[str, dict[str, str]]

FOLDER = Path(__file__).parent
_TASKS = 50  # at most, the newest
_ROLLOUTS = 20


def _final(value: object) -> object:
    return shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _clock(when: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(when))


def _day(when: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(when))


def _moment(when: float) -> str:
    return f"{time.strftime('%Y-%m-%d', time.localtime(when))} {_clock(when)}"


def environment(language: str) -> Environment:
    """Where the templates are, and what they may call: `_` for texts in a language."""
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_final,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(clock=_clock, day=_day, moment=_moment)
    made.globals.update(
        _=words(language), language=language, code=CODES[language], languages=LANGUAGES
    )
    return made


class Renderer:
    """Makes rows of a snapshot (StandIn.snapshot)."""

    def __init__(self, made: Environment) -> None:
        self._rows = made.get_template("rows.html").make_module()
        # Of each kind the rows of last time: of a large fleet most are the same again.
        self._made: dict[str, dict[str, tuple[Any, str]]] = {}

    def fleet(self, snapshot: dict[str, Any]) -> Lists:
        """What the first page shows."""
        return {
            "summary": {"summary": self._row("summary", _summary(snapshot))},
            "devices": self._all("device", _devices(snapshot)),
            "rollouts": self._all("rollout", _rollouts(snapshot)),
            "downloads": self._all("download", enumerate(snapshot["downloads"])),
            "tasks": self._all(
                "task", ((one["id"], one) for one in snapshot["tasks"][: -_TASKS - 1 : -1])
            ),
            "notes": self._all("note", enumerate(reversed(snapshot["notes"]))),
        }

    def task(self, task: dict[str, Any]) -> Lists:
        """What the page of one task shows (rows.history)."""
        return {
            "task": {"task": self._row("told", task)},
            "history": self._all("event", enumerate(task["history"])),
        }

    def _all(self, kind: str, things: Iterable[tuple[object, Any]]) -> dict[str, str]:
        before, now = self._made.get(kind, {}), {}
        for key, thing in things:
            known = before.get(str(key))
            if known is None or known[0] != thing:
                known = (thing, self._row(kind, thing))
            now[str(key)] = known
        self._made[kind] = now
        return {key: html for key, (_, html) in now.items()}

    def _row(self, kind: str, thing: Any) -> str:
        return str(getattr(self._rows, kind)(thing)).strip()


def _summary(snapshot: dict[str, Any]) -> dict[str, Any]:
    states = [task["state"] for task in snapshot["tasks"]]
    return {
        "devices": len(snapshot["devices"]),
        "online": len(snapshot["online"]),
        "running": sum(batch["state"] == "RUNNING" for batch in snapshot["batches"]),
        "updating": states.count("IN_PROGRESS"),
        "failed": states.count("FAILED"),
        "violations": snapshot["violations"],
        "broker": snapshot["broker"],
    }


def _devices(snapshot: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    online = snapshot["online"]
    for name, versions in snapshot["devices"].items():
        product, _, device = name.partition("/")
        link = "at the broker" if snapshot["broker"] else "offline"
        if name in online:
            link = "online, TLS" if online[name] else "online, plain"
        yield (
            name,
            {
                "product": product,
                "name": device,
                "link": link,
                "online": name in online,
                "versions": versions,
                "seen": snapshot["seen"].get(name),
                "fall": snapshot["falls"].get(name),
            },
        )


def _rollouts(snapshot: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    for batch in snapshot["batches"][: -_ROLLOUTS - 1 : -1]:
        yield batch["id"], {**batch, "parts": bar(batch["counts"])}
