"""`flash.py check`: what a file is, whether a board would take it, and what to do next."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.chip import table
from tools.chip.boards import BoardType, FlashTable, board_named, boards, boards_with
from tools.chip.firmware import partition_table
from tools.chip.layout import Layout, layout_of, load_layout
from tools.cli import Refused, as_json, json_option, worded
from tools.flashing import board_options, bootloader
from tools.flashing.files import other_board, other_kind
from tools.images import Report, as_text, examine
from tools.images.oldest_firmware import too_old
from tools.images.report import MERGED, OTHER
from tools.places import read_input

NAME = "check"
HELP = "what a firmware, image or partition table is, and whether it fits your board"
EXAMPLES = """\
flash.py check ESP32_GENERIC.bin
flash.py check release-1.1.0.bin --board ESP32_GENERIC --json
flash.py check partitions.csv --board ESP32_GENERIC_S3 --flash-size 16MB"""

Say = Callable[[str], None]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("file", type=Path, help="a .bin, .app-bin, image, or partitions.csv")
    board_options.add(parser)
    json_option(parser)


def run(options: argparse.Namespace) -> int:
    """0: sound, and the board (if named) takes it; 1: it does not."""
    data = read_input(options.file)
    say: Say = _silent if options.json else print
    board = board_named(options.board) if options.board else None
    flash = board.table(options.flash_size) if board else None
    if _is_table(options.file, data):
        layout = _check_table(options.file, data, flash, say)
        if options.json:
            print(as_json(layout))
        return 0
    report = examine(data)
    if report.kind == OTHER and not report.image.segments:
        raise Refused(f"{options.file} is {other_kind(data)}", report.advice)
    lines = as_text(report).splitlines()
    say("\n".join(line for line in lines if not line.startswith("next ")))
    found: list[Refused] = []
    if report.kind == MERGED:
        found += _merged(data, report, board, say)
    if board and flash:
        found += _against(report, board, flash, say)
    elif boards_with(report.image.chip):
        say(f"boards       {', '.join(boards_with(report.image.chip))}: name yours with --board")
    for problem in found:
        say(f"PROBLEM      {problem.cause}")
    problems = [*report.problems, *(one.cause for one in found)]
    advice = worded(_next(report, found, board))
    say(f"next         {advice}")
    if options.json:
        said = {
            **report.as_json(),
            "problems": problems,
            "advice": advice,
            "board": board.name if board else None,
            "boards": list(boards_with(report.image.chip)),
            "slot_size": flash.slot_size if flash else None,
        }
        print(as_json(said))
    return 1 if problems else 0


def _silent(line: str) -> None:
    """Nothing but JSON is printed."""


def _merged(data: bytes, report: Report, board: BoardType | None, say: Say) -> list[Refused]:
    """Says what else is in a merged file; what is wrong with its bootloader."""
    found = partition_table(data)
    if found is None:
        return []
    names = ", ".join(f"{p.label} {p.size >> 10} KiB" for p in found[1])
    say(f"starts at    0x{found[0]:x} of the flash")
    say(f"partitions   {names}")
    own = board or next((b for b in boards().values() if b.chip == report.image.chip), None)
    if own is None:
        return []
    try:
        boot = bootloader.from_merged(data, own)
    except Refused as exc:
        # The app's chip is compared with the board's elsewhere: say that once.
        if own.chip != report.image.chip:
            return []
        again = f"Take the firmware of {own.name} from micropython.org/download again."
        return [Refused(exc.cause, again)]
    say(f"bootloader   valid, set to {bootloader.flash_size(boot) >> 20} MB of flash")
    return []


def _against(report: Report, board: BoardType, flash: FlashTable, say: Say) -> list[Refused]:
    """Why this board does not take it; says that it fits otherwise."""
    if not report.image.segments:
        return []
    if report.image.chip != board.chip:
        others = " or ".join(boards_with(report.image.chip))
        hint = f"; {others} has that chip" if others else ""
        cause = f"it is for {report.image.chip}, and {board.name} has {board.chip}{hint}"
        return [Refused(cause, other_board(report.image.chip, board))]
    if report.slot_needed > flash.slot_size:
        return [
            Refused(
                f"it needs a slot of {report.slot_needed} bytes, and those of {board.name} with "
                f"{flash.flash} have {flash.slot_size}",
                "Take a smaller application or firmware, or a board and table with larger slots "
                "(--flash-size).",
            )
        ]
    if report.slot_needed:
        say(
            f"fits         {board.name}, {flash.flash}: {flash.slot_size - report.slot_needed} "
            f"bytes of the slot's {flash.slot_size} are left"
        )
    return []


def _next(report: Report, found: list[Refused], board: BoardType | None) -> str:
    if found and not report.problems:
        return found[0].advice
    if report.problems or too_old(report.firmware):
        return report.advice
    if report.kind == MERGED:
        name = board.name if board else next(iter(boards_with(report.image.chip)), "BOARD")
        return (
            f"Put it on a board: flash.py flash --board {name} --firmware THIS --app DIR "
            "--version 1.0.0."
        )
    return report.advice


def _is_table(path: Path, data: bytes) -> bool:
    return data[:2] == table.MAGIC or path.suffix.lower() == ".csv"


def _rows(data: bytes) -> list[table.Entry]:
    entries: list[table.Entry] = table.parse(data[: min(len(data) // 32 * 32, table.TABLE_SIZE)])
    return entries


def _check_table(path: Path, data: bytes, flash: FlashTable | None, say: Say) -> dict[str, Any]:
    """A partition table, as CSV or as its binary form. Raises Refused for one that won't do."""
    size = flash.flash_size if flash else None
    if data[:2] == table.MAGIC:
        try:
            layout: Layout = layout_of(_rows(data), size, str(path))
        except ValueError as exc:
            raise Refused(f"{path}: {exc}", "Make it again from its CSV.") from None
    else:
        layout = load_layout(path, size)
    say(f"partition table, {len(layout.entries)} partitions, ends at {layout.end:#x}")
    for entry in layout.entries:
        say(f"  {entry.label:<16} 0x{entry.address:06x}  {entry.size:>9} bytes")
    say(f"slots        {len(layout.slots)}, images of up to {layout.slot_size} bytes")
    advice = worded(f"Use it: flash.py flash --partitions {path} ...")
    say(f"next         {advice}")
    return {
        "kind": "partition table",
        "partitions": [
            {"label": one.label, "address": one.address, "size": one.size}
            for one in layout.entries
        ],
        "end": layout.end,
        "slots": len(layout.slots),
        "slot_size": layout.slot_size,
        "problems": [],
        "advice": advice,
    }
