"""The numbered log of flash operations, which boot ROM and program both append to."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.chip import table

ERASE, PROGRAM = 1, 2
_RECORD = struct.Struct("<III")


@dataclass(frozen=True)
class Op:
    """One operation on flash: kind "erase" or "program", where, and how many bytes."""

    kind: str
    partition: str
    address: int
    offset: int
    length: int


def op(kind: int, address: int, length: int, entries: list[table.Entry]) -> Op:
    """The operation that a record tells, with the partition it fell into ("" for none)."""
    label, start = "", 0
    for entry in entries:
        if entry.address <= address < entry.address + entry.size:
            label, start = entry.label, entry.address
    name = "erase" if kind == ERASE else "program"
    return Op(name, label, address, address - start, length)


@dataclass
class Counts:
    """What happened to one partition: erased sectors, program operations, programmed bytes."""

    erases: int = 0
    programs: int = 0
    programmed_bytes: int = 0


class OpLog:
    """The operations of a board's life. `also` gets each one too, with what it writes (a tape)."""

    def __init__(
        self, path: Path, also: Callable[[int, int, int, bytes], None] | None = None
    ) -> None:
        self.path = path
        self._also = also
        path.touch()

    def __len__(self) -> int:
        return self.path.stat().st_size // _RECORD.size

    def append(self, kind: int, address: int, length: int, data: bytes = b"") -> None:
        """Add one operation; data: what a program writes."""
        with self.path.open("ab") as file:
            file.write(_RECORD.pack(kind, address, length))
        if self._also is not None:
            self._also(kind, address, length, data)

    def read(self, entries: list[table.Entry]) -> Iterator[Op]:
        """Every operation, first to last, with the partition it fell into ("" for none)."""
        for kind, address, length in _RECORD.iter_unpack(self.path.read_bytes()):
            yield op(kind, address, length, entries)
