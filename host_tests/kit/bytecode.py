"""What Python compiles of tools and tests is kept, and made by one worker for all.

Each worker collects every test, and half of that is compiling them and rewriting their asserts;
each command that a test starts compiles the tools again. So the first worker collects alone, and
the others read what it has kept; so does everything that is started later.
"""

from __future__ import annotations

import fcntl
import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

_FIRST = "gw0"


def keep() -> None:
    """Keep it in __pycache__, here and in what is started from here."""
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


class OneAfterAnother:
    """The plugin: `lock` is a file that the first process holds until a worker has collected."""

    def __init__(self, config: pytest.Config, lock: Path) -> None:
        self._worker = getattr(config, "workerinput", {}).get("workerid", "")
        self._lock = lock
        self._held: IO[bytes] | None = None

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_setupnodes(self) -> None:
        """Before there are workers: have them wait for the first one."""
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        self._held = self._lock.open("ab")
        fcntl.flock(self._held, fcntl.LOCK_EX)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self) -> None:
        """The first one is through."""
        self._go_on()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self) -> None:
        """It may also have failed."""
        self._go_on()

    def _go_on(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            held.close()

    @pytest.hookimpl(wrapper=True)
    def pytest_collection(self) -> Iterator[None]:
        """In a worker: wait for the turn."""
        if self._worker not in ("", _FIRST):
            with self._lock.open("ab") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH)
        return (yield)

    def pytest_collection_finish(self, session: Any) -> None:
        """What is loaded by now stays: the collector of garbage need not look at it any more."""
        gc.collect()
        gc.freeze()
