"""What everybody who looks at the page is shown: read once for all of them, and only then."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator

from tools.cloud.page.lists import Lists
from tools.cloud.records import Records

FOLLOWERS_MAX = 32
_PAUSE_S = 0.25  # from one reading to the next, at least
_SHARE = 10  # a reading is followed by a pause of so many times what it took, at least
_LOOK_S = 1.0  # so often it is looked for what was written and not told


class Full(Exception):
    """Too many follow already."""


class Feed:
    """The last reading, and the way to wait for the next one.

    `read()` makes it, when the records tell of a change or `changes()` gives something else than
    before: other programs write into the same folder.
    """

    def __init__(
        self, records: Records, changes: Callable[[], object], read: Callable[[], Lists]
    ) -> None:
        self._records = records
        self._changes = changes
        self._read = read
        self._changed = asyncio.Event()
        self._fresh = asyncio.Event()
        self._followers = 0
        self._reader: asyncio.Task[None] | None = None
        self.number = 0  # of the last reading
        self.lists: Lists = {}

    @contextlib.contextmanager
    def followed(self) -> Iterator[None]:
        """Read as long as somebody is in here. Raises Full."""
        if self._followers >= FOLLOWERS_MAX:
            raise Full
        self._followers += 1
        if self._reader is None:
            self.number = 0  # the last reading is an old one
            self._reader = asyncio.get_running_loop().create_task(self._go_on())
        try:
            yield
        finally:
            self._followers -= 1
            if not self._followers and self._reader is not None:
                self._reader.cancel()
                self._reader = None

    async def next(self, seen: int, timeout_s: float) -> int:
        """Wait for a reading after number `seen`: the last one's number, `seen` after the time.

        It may be several readings later: who is slow is told the newest.
        """
        # Not changed by anybody between the comparison and the wait: this is one thread.
        if self.number == seen:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._fresh.wait(), timeout_s)
        return self.number

    async def _go_on(self) -> None:
        self._records.watchers.add(self._changed.set)
        try:
            while True:
                began = time.monotonic()
                self._changed.clear()
                known = self._changes()
                # Somebody holds the file for longer than SQLite waits: the next reading has it.
                with contextlib.suppress(sqlite3.OperationalError):
                    self._take(self._read())
                await asyncio.sleep(max(_PAUSE_S, _SHARE * (time.monotonic() - began)))
                while not self._changed.is_set() and self._changes() == known:
                    with contextlib.suppress(asyncio.TimeoutError):
                        await asyncio.wait_for(self._changed.wait(), _LOOK_S)
        finally:
            self._records.watchers.discard(self._changed.set)

    def _take(self, lists: Lists) -> None:
        self.lists = lists
        self.number += 1
        fresh, self._fresh = self._fresh, asyncio.Event()
        fresh.set()
