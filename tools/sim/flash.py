"""The flash chip as a file: what NOR flash can do, each operation logged, and power cuts."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from tools.chip import nor, table
from tools.chip.nor import SECTOR
from tools.places import lock, write_private
from tools.sim.oplog import ERASE, PROGRAM, OpLog

SIZE = 4 * 1024 * 1024


class NorViolation(Exception):
    """Something that a NOR flash cannot do was asked of it."""


class PowerCut(Exception):
    """The armed power cut came: the board is off."""


@dataclass
class Cut:
    """A power cut at operation `op`, counted from when it was armed (1 is the next one).

    when: "before" (the operation does not happen), "middle" (half of its bytes do) or "after".
    """

    op: int
    when: str = "before"
    armed_at: int = field(default=0, repr=False)

    def __post_init__(self) -> None:
        if self.op < 1 or self.when not in ("before", "middle", "after"):
            raise ValueError(f"cut at operation {self.op} {self.when!r}: 1.., before|middle|after")


class Flash:
    """A flash file. Without `log`, changes are free and unnumbered (the desk, not the board)."""

    def __init__(self, path: str | Path, log: OpLog | None = None) -> None:
        self.path = Path(path)
        self.size = self.path.stat().st_size
        self.log = log
        self.cut: Cut | None = None
        self._fd = os.open(self.path, os.O_RDWR)

    @staticmethod
    def create(path: str | Path, size: int = SIZE) -> None:
        """Make an erased flash file (0xFF), over whatever is there. InUse when a board runs on it.

        Only the owner may read it: it will hold a device's secret.
        """
        write_private(Path(path), b"\xff" * size)

    def lock(self) -> None:
        """Have the file for one board, until close() or the end of this process; else InUse."""
        lock(self._fd, self.path)

    def close(self) -> None:
        """Let go of the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def read(self, address: int, length: int) -> bytes:
        """`length` bytes from `address` (fewer past the end)."""
        return os.pread(self._fd, length, address)

    def erase(self, address: int) -> None:
        """Set the sector at `address` (a multiple of 4096) to 0xFF."""
        fault = nor.misaligned(address)
        if fault:
            raise NorViolation(fault)
        when = self._begin(ERASE, address, SECTOR)
        os.pwrite(self._fd, b"\xff" * (SECTOR // 2 if when == "middle" else SECTOR), address)
        self._end(when)

    def program(self, address: int, data: bytes) -> None:
        """Write `data`; NorViolation when a bit would go from 0 to 1."""
        fault = nor.lifted(address, self.read(address, len(data)), data)
        if fault:
            raise NorViolation(fault)
        when = self._begin(PROGRAM, address, len(data), data)
        os.pwrite(self._fd, data[: len(data) // 2] if when == "middle" else data, address)
        self._end(when)

    def fill(self, address: int, data: bytes) -> None:
        """Put bytes there as a programmer on the desk does: no rules, no log."""
        os.pwrite(self._fd, data, address)

    def left(self) -> int:
        """Operations until the armed power cut (0: none armed)."""
        if self.cut is None or self.log is None:
            return 0
        return self.cut.op - (len(self.log) - self.cut.armed_at)

    def _begin(self, kind: int, address: int, length: int, data: bytes = b"") -> str:
        if self.log is None:
            return ""
        when = self.cut.when if self.cut is not None and self.left() == 1 else ""
        if when == "before":
            raise PowerCut
        self.log.append(kind, address, length, data)
        return when

    def _end(self, when: str) -> None:
        if when:
            raise PowerCut


class Window:
    """A partition of a flash, with offsets from its start (what nvsstore.NvsLog works on)."""

    def __init__(self, flash: Flash, entry: table.Entry) -> None:
        self._flash, self._base = flash, entry.address

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of the partition."""
        return self._flash.read(self._base + offset, length)

    def erase(self, offset: int) -> None:
        """Erase one sector."""
        self._flash.erase(self._base + offset)

    def program(self, offset: int, data: bytes) -> None:
        """Program a range."""
        self._flash.program(self._base + offset, data)
