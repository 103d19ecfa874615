"""`sim status`: what is in a flash file."""

from __future__ import annotations

import argparse
from pathlib import Path

from tools.chip import image, otadata, table
from tools.cli import Refused
from tools.sim.bootrom import load_table, read_otadata
from tools.sim.flash import Flash

NAME = "status"
HELP = """\
show table, otadata and slots

Show what is in a flash file: its partitions, the two otadata entries and which of them counts, \
and which slots are bootable."""
EXAMPLES = "python -m tools.sim status desk.bin"

MAKE = "Make a flash file: python -m tools.sim create."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("flash", type=Path, metavar="FLASH.bin")


def run(options: argparse.Namespace) -> int:
    """0 when it is a flash file. Raises Refused, OSError."""
    flash = Flash(options.flash)
    try:
        entries = load_table(flash)
    except ValueError as exc:
        raise Refused(f"{options.flash}: {exc}", MAKE) from None
    print("partitions")
    for entry in entries:
        print(f"  {entry.label:10} at {entry.address:#08x}, {entry.size:#08x} bytes")
    found = read_otadata(flash, entries)
    print("otadata")
    active = otadata.active(found) if found else -1
    for number, record in enumerate(found):
        mark = " <- counts" if number == active else ""
        slot = f", slot {record.slot(table.ota_count(entries))}" if not record.refused() else ""
        print(f"  {number}: {record!r}{slot}{mark}")
    print("slots")
    for entry in table.find(entries, table.TYPE_APP):
        fault = image.verify(flash.read, entry.address, entry.size, boot=True)
        print(f"  {entry.label:10} {'bootable' if fault is None else fault}")
    flash.close()
    return 0
