"""The files a person brings: which of them flash.py takes for what, and why not the others."""

from __future__ import annotations

from pathlib import Path

from tools.chip.boards import BoardType, boards_with
from tools.chip.firmware import extract_app
from tools.chip.layout import Layout
from tools.cli import Refused
from tools.images import Report, build_image, examine
from tools.images.report import APP, APP_WITH_APPLICATION, BOOTLOADER, MERGED
from tools.places import read_input

# How other files begin that end up in a downloads folder, and what they are.
STARTS = (
    (b"\x7fELF", "an ELF file (a program for a debugger)"),
    (b"UF2\n", "a UF2 file (for boards with a drag-and-drop bootloader)"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"<!DOCTYPE", "a web page: the download went wrong"),
    (b"<html", "a web page: the download went wrong"),
    (b"M\x06", "a compiled MicroPython module (.mpy)"),
    (b":10", "an Intel HEX file"),
)


def other_kind(data: bytes) -> str:
    """A word for a file that is no ESP32 image."""
    if not data:
        return "an empty file"
    if not data.strip(b"\xff"):
        return "erased flash (nothing but 0xFF)"
    if data[8:16] == b"littlefs":
        return "a LittleFS file system"
    head = data[:16].lstrip().lower()
    for start, kind in STARTS:
        if data.startswith(start) or (start[:1] == b"<" and head.startswith(start.lower())):
            return kind
    return "not an ESP32 image"


def read_firmware(path: Path, board: BoardType, keep_bootloader: bool) -> bytes:
    """The content of a --firmware file. Raises Refused for one that does not do.

    It must be a merged file; with keep_bootloader an app image does as well.
    """
    data, report = _sound(path, board)
    if report.kind == MERGED or (keep_bootloader and report.kind in (APP, APP_WITH_APPLICATION)):
        return data
    raise Refused(
        f"{path} is an {report.kind} and has no bootloader",
        "Give --firmware the merged file (the .bin, not the .app-bin) of your board from "
        "micropython.org/download; an image with your application goes to --image; or keep the "
        "board's own bootloader with --keep-bootloader.",
    )


def read_image(path: Path, board: BoardType) -> bytes:
    """The content of an --image file. Raises Refused for one that does not do."""
    data, report = _sound(path, board)
    if report.kind == MERGED:
        raise Refused(
            f"{path} is a {report.kind}, and a slot takes an app image",
            "Give it to --firmware, with your application's folder: --app DIR --version V.",
        )
    return data


def _sound(path: Path, board: BoardType) -> tuple[bytes, Report]:
    """A file that is one of the three kinds, undamaged and for the board's chip."""
    data = read_input(path)
    report = examine(data)
    if not report.image.segments or report.kind == BOOTLOADER:
        what = "a bootloader alone" if report.kind == BOOTLOADER else other_kind(data)
        raise Refused(
            f"{path} is {what}",
            f"Take the .bin of {board.name} from micropython.org/download.",
        )
    if report.image.chip != board.chip:
        raise Refused(
            f"{path} is for {report.image.chip}, and {board.name} has {board.chip}",
            other_board(report.image.chip, board),
        )
    if report.problems:
        raise Refused(
            f"{path} is damaged: {'; '.join(report.problems)}",
            "Download or build it again: its size or content is not what it was.",
        )
    return data, report


def other_board(chip: str | None, board: BoardType) -> str:
    """What to do with a file for a chip that this board does not have."""
    text = f"Take the firmware of {board.name} from micropython.org/download"
    others = boards_with(chip)
    return text + (f", or say --board {others[0]} if that is your board." if others else ".")


def make_image(
    firmware: bytes, app: Path, version: str, board: BoardType, layout: Layout
) -> bytes:
    """Firmware + application; Refused (compile, names) or Refused (size) when it fails."""
    # The slot's own limit is checked here, for advice that fits these options.
    image = build_image(firmware, app, version, chip=board.chip, slot_size=1 << 30)
    if len(image) > layout.slot_size:
        part = len(extract_app(firmware, board.chip))
        raise Refused(
            f"the image has {len(image)} bytes (firmware {part}, application "
            f"{len(image) - part}), the slots {layout.slot_size}",
            f"Remove {len(image) - layout.slot_size} bytes from the application, take a smaller "
            "firmware, or a board and table with larger slots (--flash-size, --partitions).",
        )
    return image
