"""What a board prints, line by line; the lines of its boot ROM tell that it has been reset."""

from __future__ import annotations

import re
from collections.abc import Callable

from tools.flashing.refusals import Restarted

_RESET = re.compile(rb"rst:0x[0-9a-f]+ \((\w+)\)")  # what a boot ROM says first


class Lines:
    """Collects output that comes in pieces; hands on whole lines to `on_line`, if there is one.

    Raises Restarted for a line of the boot ROM's.
    """

    def __init__(self, on_line: Callable[[str], None] | None) -> None:
        self._on_line = on_line
        self._data = bytearray()
        self._from = 0

    @property
    def text(self) -> str:
        """All of it."""
        return self._data.decode("utf-8", "replace").replace("\r\n", "\n")

    def feed(self, data: bytes) -> None:
        """Take a piece. Raises Restarted."""
        self._data += data.replace(b"\x04", b"")
        while (end := self._data.find(b"\n", self._from)) >= 0:
            self._pass_on(end)
            self._from = end + 1

    def end(self) -> None:
        """Hand on what has no line end. Raises Restarted."""
        if self._from < len(self._data):
            self._pass_on(len(self._data))

    def _pass_on(self, end: int) -> None:
        line = bytes(self._data[self._from : end])
        refuse_reset(line)
        if self._on_line is not None:
            self._on_line(line.decode("utf-8", "replace").rstrip("\r"))


def refuse_reset(line: bytes) -> None:
    """Raise Restarted for what only a boot ROM says."""
    reset = _RESET.match(line)
    if reset:
        raise Restarted(reset[1].decode())
