"""The tape: every flash operation with its bytes and its time, so that any moment can be replayed.

The operation log of a board (oplog.py) counts; the tape also remembers. Boot ROM and program
append to the same file, each operation before it happens.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tools.chip import table
from tools.sim.oplog import ERASE, Op, op

_HEAD = struct.Struct("<IIIQ")  # kind, address, length, time in ns; a program's bytes follow


@dataclass(frozen=True)
class Taped(Op):
    """An operation with `data` (b"" for an erase) and `time` (seconds since 1970)."""

    data: bytes = field(repr=False)
    time: float


class Tape:
    """A tape file, appended to by the boot ROM and by the running program (simchip/ops.py)."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).resolve()
        self.path.touch()

    def append(self, kind: int, address: int, length: int, data: bytes) -> None:
        """Add one operation; data: b"" for an erase."""
        with self.path.open("ab") as file:
            file.write(_HEAD.pack(kind, address, length, time.time_ns()) + data)

    def read(self, entries: list[table.Entry]) -> Iterator[Taped]:
        """Every whole operation, first to last, with the partition it fell into ("" for none)."""
        raw = self.path.read_bytes()
        at = 0
        while at + _HEAD.size <= len(raw):
            kind, address, length, when = _HEAD.unpack_from(raw, at)
            at += _HEAD.size
            size = 0 if kind == ERASE else length
            if at + size > len(raw):
                return  # the power went away while it was written
            yield Taped(
                **vars(op(kind, address, length, entries)),
                data=raw[at : at + size],
                time=when / 1e9,
            )
            at += size
