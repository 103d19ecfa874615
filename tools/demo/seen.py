"""The stand-in's page as a program sees it: the text of each row, list by list."""

from __future__ import annotations

from html.parser import HTMLParser

import requests

_TIMEOUT_S = 30
Seen = dict[str, dict[str, str]]


class _Rows(HTMLParser):
    """Gathers the rows of tables that have a name."""

    def __init__(self) -> None:
        super().__init__()
        self.lists: Seen = {}
        self._list = self._row = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A list begins, or a row of it."""
        given = dict(attrs)
        if tag == "tbody":
            self._list = given.get("id") or ""
            self.lists[self._list] = {}
        elif tag == "tr":
            self._row = given.get("data-key") or ""
            if self._row:
                self.lists[self._list][self._row] = ""

    def handle_endtag(self, tag: str) -> None:
        """A row ends."""
        if tag == "tr":
            self._row = ""

    def handle_data(self, data: str) -> None:
        """Words, which may be parts of a row."""
        if self._row and data.strip():
            row = self.lists[self._list]
            row[self._row] = f"{row[self._row]} {' '.join(data.split())}".strip()


def seen(url: str) -> Seen:
    """List -> key of a row -> its text, as they stand on the page now."""
    with requests.Session() as session:
        session.trust_env = False  # it is on this machine: no proxy has a way to it
        answer = session.get(url, timeout=_TIMEOUT_S)
    answer.raise_for_status()
    rows = _Rows()
    rows.feed(answer.text)
    return rows.lists
