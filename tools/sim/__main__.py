"""Command line of the board on the desk: create a flash file, run it, look into it."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from tools.sim.board import DEFAULT_TABLE, Board
from tools.sim.bootrom import load_table, read_otadata
from tools.sim.device.simchip import image, otadata, table
from tools.sim.flash import Flash
from tools.sim.interpreter import NoInterpreter

_NUMBERS = ("port", "secure", "allow_http")  # settings that NVS holds as numbers
_EPILOG = """\
typical use:
  python -m tools.sim create desk.bin --image app.img --file micropython/boot.py \\
      --set product_key=PK --set device_name=DN --set device_secret=SECRET \\
      --set host=127.0.0.1 --set port=8883 --set ca=@cloud/ca.der
  python -m tools.sim run desk.bin
  python -m tools.sim status desk.bin

create makes a 4 MiB flash with a partition table, an image in slot 0 (made by tools/image.py, or
any ESP32 app image) and files on the board's own file system. run boots it as an ESP32 does and
prints its console; lines of the boot ROM start with "rom: ". Ctrl-C takes the power away.
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.sim",
        description="An ESP32 on the desk: MicroPython in a flash file, under a real boot ROM's "
        "rules.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser("create", help="make a flash file")
    create.add_argument("flash", type=Path, metavar="FLASH.bin")
    create.add_argument("--table", type=Path, default=DEFAULT_TABLE, help="partitions.csv")
    create.add_argument("--image", type=Path, help="what goes into slot 0")
    create.add_argument(
        "--file", type=Path, action="append", default=[], help="copied to / of the board"
    )
    create.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a setting in NVS (namespace alink); port=8883 becomes a number, ca=@FILE the file",
    )
    create.add_argument("--force", action="store_true", help="replace an existing file")
    run = commands.add_parser("run", help="switch a board on, console to stdout")
    run.add_argument("flash", type=Path, metavar="FLASH.bin")
    run.add_argument("--heap", type=int, default=2048, metavar="KIB", help="MicroPython heap")
    run.add_argument("--clock", choices=("set", "unset"), default="set")
    run.add_argument("--wifi", choices=("ok", "absent"), default="ok")
    run.add_argument("--seconds", type=float, help="take the power away after that long")
    status = commands.add_parser("status", help="show table, otadata and slots")
    status.add_argument("flash", type=Path, metavar="FLASH.bin")
    return parser


def create(options: argparse.Namespace) -> None:
    """Make a flash file."""
    if options.flash.exists() and not options.force:
        raise SystemExit(f"{options.flash} exists; --force replaces it")
    settings = dict(_setting(text) for text in options.set)
    with Board.create(options.flash, options.table) as board:
        if options.image:
            board.write_slot(0, options.image.read_bytes())
        for file in options.file:
            board.install_file(f"/{file.name}", file.read_bytes())
        for key, value in settings.items():
            board.nvs_set("alink", key, value)
    print(f"{options.flash}: made; run it with: python -m tools.sim run {options.flash}")


def _setting(text: str) -> tuple[str, int | str | bytes]:
    """KEY=VALUE as it goes into NVS: a number, text, or the content of @FILE."""
    key, found, value = text.partition("=")
    if not found or not 0 < len(key) <= 15:
        raise SystemExit(f"--set {key}: KEY=VALUE is wanted, the key with at most 15 letters")
    if value.startswith("@"):
        return key, Path(value[1:]).read_bytes()
    return key, int(value) if value.isdecimal() and key in _NUMBERS else value


def run(options: argparse.Namespace) -> int:
    """Run a board until Ctrl-C, the time given, or nothing is bootable."""
    end = time.monotonic() + (options.seconds or float("inf"))
    with Board(
        options.flash,
        console=lambda line: print(line, flush=True),
        heap_kib=options.heap,
        clock=options.clock,
        wifi=options.wifi,
    ) as board:
        board.power_on()
        try:
            while board.is_on and time.monotonic() < end:
                time.sleep(0.1)
        except KeyboardInterrupt:
            print("power off", file=sys.stderr)
        return 1 if board.bricked or board.violation else 0


def status(options: argparse.Namespace) -> None:
    """Print what is in a flash file."""
    flash = Flash(options.flash)
    entries = load_table(flash)
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


def main() -> int:
    """Entry point; returns the exit status."""
    options = _parser().parse_args()
    try:
        if options.command == "run":
            return run(options)
        (create if options.command == "create" else status)(options)
    except (OSError, ValueError, NoInterpreter) as exc:
        print(f"sim: {exc}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
