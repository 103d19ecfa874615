"""Command line of the board on the desk: create a flash file, run it, look into it."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from tools.chip import image, otadata, partitions, table
from tools.places import InUse
from tools.sim.board import DEFAULT_TABLE, Board
from tools.sim.bootrom import load_table, read_otadata
from tools.sim.flash import Flash
from tools.sim.heap import ESP32
from tools.sim.interpreter import NoInterpreter

_NUMBERS = ("port", "secure", "allow_http")  # settings that NVS holds as numbers
_EPILOG = """\
typical use:
  python -m tools.sim create desk.bin --image app.img --file micropython/boot.py \\
      --set product_key=PK --set device_name=DN --set device_secret=@secret.txt \\
      --set host=127.0.0.1 --set port=8883 --set ca=@cloud/ca.der
  python -m tools.sim run desk.bin
  python -m tools.sim status desk.bin

create makes a 4 MiB flash with a partition table, an image in slot 0 (made by tools/image.py, or
any ESP32 app image) and files on the board's own file system. run boots it as an ESP32 does and
prints its console; lines of the boot ROM start with "rom: ". Ctrl-C takes the power away.
With --heap esp32 the board has the memory of an ESP32 without PSRAM: "heap: " lines tell when
Python's heap grows at the cost of Wi-Fi and TLS, and in the end how it was used.
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
        help="a setting in NVS (namespace alink); port=8883 becomes a number, ca=@FILE the file "
        "(one line of text without its end)",
    )
    create.add_argument("--force", action="store_true", help="replace an existing file")
    run = commands.add_parser("run", help="switch a board on, console to stdout")
    run.add_argument("flash", type=Path, metavar="FLASH.bin")
    run.add_argument(
        "--heap",
        type=_heap,
        default=2048,
        metavar="KIB|esp32",
        help="MicroPython's heap, or the memory of an ESP32 without PSRAM",
    )
    run.add_argument(
        "--heap-report", action="store_true", help="with --heap esp32: also at each boot's end"
    )
    run.add_argument("--clock", choices=("set", "unset"), default="set")
    run.add_argument("--wifi", choices=("ok", "absent"), default="ok")
    run.add_argument("--seconds", type=float, help="take the power away after that long")
    status = commands.add_parser("status", help="show table, otadata and slots")
    status.add_argument("flash", type=Path, metavar="FLASH.bin")
    return parser


def _heap(text: str) -> int | str:
    """A number of KiB, or "esp32"."""
    return text if text == ESP32 else int(text)


def create(options: argparse.Namespace) -> None:
    """Make a flash file; whatever can be refused is refused before there is one."""
    if options.flash.exists() and not options.force:
        raise SystemExit(f"{options.flash} exists; --force replaces it")
    settings = dict(_setting(text) for text in options.set)
    app = _bootable(options.image, options.table) if options.image else None
    files = {f"/{file.name}": file.read_bytes() for file in options.file}
    with Board.create(options.flash, options.table) as board:
        if app is not None:
            board.write_slot(0, app)
        for path, content in files.items():
            board.install_file(path, content)
        for key, value in settings.items():
            board.nvs_set("alink", key, value)
    print(f"{options.flash}: made; run it with: python -m tools.sim run {options.flash}")


def _bootable(path: Path, csv: Path) -> bytes:
    """The content of an image that slot 0 of the table can start."""
    slot = table.find(partitions.load(csv), table.TYPE_APP, table.SUBTYPE_OTA_0)[0]
    data = path.read_bytes()
    if len(data) > slot.size:
        raise SystemExit(f"{path} has {len(data)} bytes, slot 0 has {slot.size}")
    flash = data.ljust(slot.size, b"\xff")
    fault = image.verify(lambda at, size: flash[at : at + size], 0, slot.size, boot=True)
    if fault is not None:
        raise SystemExit(
            f"{path} would not boot: {fault}; make an image with tools/image.py build"
        )
    return data


def _setting(text: str) -> tuple[str, int | str | bytes]:
    """KEY=VALUE as it goes into NVS: a number, text, or the content of @FILE."""
    key, found, value = text.partition("=")
    if not found or not 0 < len(key) <= 15:
        raise SystemExit(f"--set {key}: KEY=VALUE is wanted, the key with at most 15 letters")
    if value.startswith("@"):
        return key, _one_line(Path(value[1:]).read_bytes())
    if key not in _NUMBERS:
        return key, value
    most = 65535 if key == "port" else 0x7FFFFFFF
    if not value.isdecimal() or int(value) > most:
        raise SystemExit(f"--set {key}: a number is wanted, 0 to {most}")
    return key, int(value)


def _one_line(data: bytes) -> bytes:
    """A secret of one line without the line's end that editors add; anything else as it is."""
    line = data.removesuffix(b"\n").removesuffix(b"\r")
    return line if line.isascii() and line.decode().isprintable() else data


def run(options: argparse.Namespace) -> int:
    """Run a board until Ctrl-C, the time given, or nothing is bootable."""
    end = time.monotonic() + (options.seconds or float("inf"))
    with Board(
        options.flash,
        console=lambda line: print(line, flush=True),
        heap_kib=0 if options.heap == ESP32 else options.heap,
        heap=ESP32 if options.heap == ESP32 else None,
        clock=options.clock,
        wifi=options.wifi,
    ) as board:
        board.power_on()
        told = 0
        try:
            while board.is_on and time.monotonic() < end:
                time.sleep(0.1)
                if options.heap_report:
                    told = _tell(board, told, board.boots[-1].number - 1)
        except KeyboardInterrupt:
            print("power off", file=sys.stderr)
        board.power_cut()
        _tell(board, told, len(board.boots))
        return 1 if board.bricked or board.violation else 0


def _tell(board: Board, told: int, until: int) -> int:
    """Print how the boots from `told` to `until` used their memory; returns how many are told."""
    for line in board.heap_report().split("\n")[told:until]:
        if line:
            print(line, flush=True)
    return max(told, until)


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
    except (OSError, ValueError, InUse, NoInterpreter) as exc:
        print(f"sim: {exc}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
