"""What is different between two readings, as the page's script takes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tools.cloud.page.lists import Lists


def changes(before: Lists, now: Lists) -> Iterator[dict[str, Any]]:
    """For each list that changed: the rows that are new or other, and the order if that is."""
    for name, rows in now.items():
        old = before.get(name)
        if rows == old and (old is None or list(rows) == list(old)):
            continue
        known = old or {}
        change: dict[str, Any] = {
            "list": name,
            "rows": {key: html for key, html in rows.items() if known.get(key) != html},
        }
        if old is None or list(rows) != list(old):
            change["keys"] = list(rows)
        yield change
