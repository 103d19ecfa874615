"""What a person reads while a board takes its time: one line on stderr, with the seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

_FIRST_S = 3.0  # nothing is said of a shorter wait
_EVERY_S = 10.0  # between lines where there is no terminal to write one over


class Waiting:
    """A context manager; tick() as often as one likes. The line is gone when the wait is over."""

    def __init__(
        self,
        what: str,
        *,
        first_s: float = _FIRST_S,
        clock: Callable[[], float] = time.monotonic,
        stream: TextIO | None = None,
    ) -> None:
        self._what = what
        self._clock = clock
        self._stream = sys.stderr if stream is None else stream
        self._since = clock()
        self._next = self._since + first_s
        self._shown = 0  # characters of the line that a terminal shows

    def __enter__(self) -> Waiting:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            self._stream.write("\r" + " " * self._shown + "\r")
            self._stream.flush()

    def tick(self) -> None:
        """Tell how long it has been, if that is due."""
        now = self._clock()
        if now < self._next:
            return
        line = f"{self._what} ... {now - self._since:.0f} s"
        if self._stream.isatty():
            self._stream.write("\r" + line)
            self._shown = len(line)
            self._next = now + 1
        else:
            self._stream.write(line + "\n")
            self._next = now + _EVERY_S
        self._stream.flush()
