"""The boards of boards/boards.json: which chip, where things lie, which partition table."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tools.cli import Refused

FOLDER = Path(__file__).resolve().parent.parent.parent / "boards"


@dataclass(frozen=True)
class FlashTable:
    """A partition table of a board, for one size of flash.

    `flash` is the size as it is written on boxes ("4MB"), `flash_size` the same in bytes; `csv`
    the partition table; `slot_size` bytes of each slot; `slots` and `vfs` flash addresses
    ((address, size) for vfs).
    """

    flash: str
    flash_size: int
    csv: Path
    slot_size: int
    slots: tuple[int, ...]
    vfs: tuple[int, int]


@dataclass(frozen=True)
class BoardType:
    """A kind of board: `chip` and `chip_id` as in image headers, tables by size of flash: the
    first is the one that stock firmware is set to. `variants` of that firmware by their names."""

    name: str
    chip: str
    chip_id: int
    bootloader_offset: int
    variants: tuple[str, ...]
    tables: tuple[FlashTable, ...]

    def table(self, flash: str | None = None) -> FlashTable:
        """The table for that flash size, the first when none is named. Raises Refused."""
        for table in self.tables:
            if flash is None or table.flash.lower() == flash.lower():
                return table
        offered = ", ".join(table.flash for table in self.tables)
        raise Refused(
            f"{self.name} has no partition table for {flash} of flash",
            f"Use --flash-size with one of {offered}, or bring your own table: --partitions CSV.",
        )


@cache
def boards() -> dict[str, BoardType]:
    """Every board by its name."""
    raw: dict[str, Any] = json.loads((FOLDER / "boards.json").read_text(encoding="utf-8"))
    return {name: _board(name, entry) for name, entry in raw.items()}


def board_named(name: str) -> BoardType:
    """The board of that name in any case; Refused lists those there are."""
    found = boards().get(name.upper())
    if found is None:
        raise Refused(
            f"there is no board {name!r}",
            f"Use one of {', '.join(boards())}: the one with your module's chip.",
        )
    return found


def boards_with(chip: str | None) -> list[str]:
    """Names of the boards with this chip."""
    return [name for name, board in boards().items() if board.chip == chip]


def _board(name: str, entry: dict[str, Any]) -> BoardType:
    tables = tuple(_table(name, flash, raw) for flash, raw in entry["tables"].items())
    offset = int(entry["bootloader_offset"], 0)
    variants = tuple(entry["variants"])
    return BoardType(name, entry["chip"], entry["chip_id"], offset, variants, tables)


def _table(board: str, flash: str, raw: dict[str, Any]) -> FlashTable:
    vfs = tuple(int(text, 0) for text in raw["vfs"])
    return FlashTable(
        flash=flash,
        flash_size=flash_bytes(flash),
        csv=FOLDER / board / raw["partitions"],
        slot_size=int(raw["slot_size"], 0),
        slots=tuple(int(text, 0) for text in raw["slots"]),
        vfs=(vfs[0], vfs[1]),
    )


def flash_bytes(text: str) -> int:
    """Bytes of a flash size as it is written on boxes: "4MB" -> 4194304. Raises Refused."""
    digits = text.upper().removesuffix("MB").strip()
    if digits not in ("1", "2", "4", "8", "16", "32", "64", "128"):
        raise Refused(f"{text!r} is no size of flash", "Write it as 4MB, 8MB or 16MB.")
    return int(digits) << 20
