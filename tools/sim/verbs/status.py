"""`sim status`: what is in a flash file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tools.chip import image, otadata, table
from tools.cli import Refused, as_json, json_option
from tools.sim.bootrom import load_table, read_otadata
from tools.sim.flash import Flash

NAME = "status"
HELP = """\
show table, otadata and slots

Show what is in a flash file: its partitions, the two otadata entries and which of them counts, \
and which slots are bootable."""
EXAMPLES = """\
python -m tools.sim status desk.bin
python -m tools.sim status desk.bin --json"""

MAKE = "Make a flash file: python -m tools.sim create."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("flash", type=Path, metavar="FLASH.bin")
    json_option(parser)


def run(options: argparse.Namespace) -> int:
    """0 when it is a flash file. Raises Refused, OSError."""
    flash = Flash(options.flash)
    try:
        found = look(flash)
    except ValueError as exc:
        raise Refused(f"{options.flash}: {exc}", MAKE) from None
    finally:
        flash.close()
    print(as_json(found) if options.json else as_text(found))
    return 0


def look(flash: Flash) -> dict[str, list[dict[str, Any]]]:
    """What is in it. Raises ValueError when there is no partition table."""
    entries = load_table(flash)
    records = read_otadata(flash, entries)
    active = otadata.active(records) if records else -1
    slots = []
    for entry in table.find(entries, table.TYPE_APP):
        fault = image.verify(flash.read, entry.address, entry.size, boot=True)
        slots.append({"label": entry.label, "bootable": fault is None, "fault": fault})
    return {
        "partitions": [
            {"label": one.label, "address": one.address, "size": one.size} for one in entries
        ],
        "otadata": [
            {
                "entry": repr(record),
                "slot": None if record.refused() else record.slot(table.ota_count(entries)),
                "counts": number == active,
            }
            for number, record in enumerate(records)
        ],
        "slots": slots,
    }


def as_text(found: dict[str, list[dict[str, Any]]]) -> str:
    """The same as a person reads it."""
    lines = ["partitions"]
    for one in found["partitions"]:
        lines.append(f"  {one['label']:10} at {one['address']:#08x}, {one['size']:#08x} bytes")
    lines.append("otadata")
    for number, one in enumerate(found["otadata"]):
        slot = "" if one["slot"] is None else f", slot {one['slot']}"
        lines.append(f"  {number}: {one['entry']}{slot}{' <- counts' if one['counts'] else ''}")
    lines.append("slots")
    for one in found["slots"]:
        lines.append(f"  {one['label']:10} {'bootable' if one['bootable'] else one['fault']}")
    return "\n".join(lines)
