"""A browser's EventSource as far as the stand-in's page needs one: reads rows as they are told."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import requests

TIMEOUT_S = 30.0
QUIET_MAX = 3  # so many signs of life without news: what is waited for does not come


class Events:
    """One stream of events, and the lists of the page as it has told them so far."""

    def __init__(self, url: str, **options: Any) -> None:
        self._answer = requests.get(url, stream=True, timeout=TIMEOUT_S, **options)
        assert self._answer.status_code == 200, self._answer.text
        assert self._answer.headers["content-type"].startswith("text/event-stream")
        self._lines = self._answer.iter_lines(chunk_size=1, decode_unicode=True)
        self.lists: dict[str, dict[str, str]] = {}
        self.changes: list[dict[str, Any]] = []

    def __enter__(self) -> Events:
        return self

    def __exit__(self, *_: object) -> None:
        self._answer.close()

    def read(self) -> tuple[str, dict[str, Any]]:
        """The next event: its name and what it says. EOFError at the end."""
        name, quiet = "", 0
        for line in self._lines:
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                return name, json.loads(line.removeprefix("data: "))
            elif line.startswith(":"):  # it is there, and has nothing to say
                quiet += 1
                assert quiet < QUIET_MAX, self.lists
        raise EOFError("the stream has ended")

    def until(self, wanted: Callable[[Events], bool]) -> None:
        """Read until the lists are as `wanted`. Fails when nothing more comes."""
        while not wanted(self):
            name, change = self.read()
            assert name == "rows", (name, change)
            self.changes.append(change)
            rows = {**self.lists.get(change["list"], {}), **change["rows"]}
            self.lists[change["list"]] = {key: rows[key] for key in change.get("keys", rows)}

    def row(self, name: str, key: str) -> str:
        """A row's HTML, "" while there is none."""
        return self.lists.get(name, {}).get(key, "")
