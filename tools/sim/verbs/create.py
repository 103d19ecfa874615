"""`sim create`: a flash file, as a programmer would have filled it."""

from __future__ import annotations

import argparse
from pathlib import Path

from tools.chip import image
from tools.chip.layout import load_layout
from tools.cli import Refused, worded
from tools.sim.board import DEFAULT_TABLE, Board
from tools.sim.flash import SIZE

NAME = "create"
HELP = """\
make a flash file

Make a 4 MiB flash with a partition table, an image in slot 0 and files on the board's own file \
system."""
EXAMPLES = """\
python -m tools.sim create desk.bin --image release-1.0.0.bin --file micropython/boot.py \\
       --set product_key=PK --set device_name=DN --set device_secret=@secret.txt \\
       --set host=127.0.0.1 --set port=8883 --set ca=@.cloud/ca.pem"""

_NUMBERS = ("port", "secure", "allow_http")  # settings that NVS holds as numbers


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("flash", type=Path, metavar="FLASH.bin")
    parser.add_argument("--table", type=Path, default=DEFAULT_TABLE, help="partitions.csv")
    parser.add_argument("--image", type=Path, help="what goes into slot 0")
    parser.add_argument(
        "--file", type=Path, action="append", default=[], help="copied to / of the board"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a setting in NVS (namespace alink); port=8883 becomes a number, ca=@FILE the file "
        "(one line of text without its end)",
    )
    parser.add_argument("--force", action="store_true", help="replace an existing file")


def run(options: argparse.Namespace) -> int:
    """0 when the file is there. Raises Refused, OSError: before there is one."""
    if options.flash.exists() and not options.force:
        raise Refused(f"{options.flash} exists", "Name another, or replace it: --force.")
    settings = dict(_setting(text) for text in options.set)
    slot = load_layout(options.table, SIZE).slots[0]
    app = _bootable(options.image, slot.size) if options.image else None
    files = {f"/{file.name}": file.read_bytes() for file in options.file}
    with Board.create(options.flash, options.table) as board:
        if app is not None:
            board.write_slot(0, app)
        for path, content in files.items():
            board.install_file(path, content)
        for key, value in settings.items():
            board.nvs_set("alink", key, value)
    print(worded(f"{options.flash}: made; run it with: python -m tools.sim run {options.flash}"))
    return 0


def _bootable(path: Path, size: int) -> bytes:
    """The content of an image that a slot of this size can start."""
    data = path.read_bytes()
    if len(data) > size:
        raise Refused(
            f"{path} has {len(data)} bytes, and slot 0 has {size}",
            "Take a smaller application or firmware, or a --table with larger slots.",
        )
    flash = data.ljust(size, b"\xff")
    fault = image.verify(lambda at, size: flash[at : at + size], 0, size, boot=True)
    if fault is not None:
        raise Refused(
            f"{path} would not boot: {fault}", "Make an image with tools/image.py build."
        )
    return data


def _setting(text: str) -> tuple[str, int | str | bytes]:
    """KEY=VALUE as it goes into NVS: a number, text, or the content of @FILE."""
    key, found, value = text.partition("=")
    if not found or not 0 < len(key) <= 15:
        raise Refused(
            f"--set {key} is no setting", "Say KEY=VALUE, the key with at most 15 letters."
        )
    if value.startswith("@"):
        return key, _one_line(Path(value[1:]).read_bytes())
    if key not in _NUMBERS:
        return key, value
    most = 65535 if key == "port" else 0x7FFFFFFF
    if not value.isdecimal() or int(value) > most:
        raise Refused(f"--set {key}: a number is wanted, 0 to {most}", "Write it in digits.")
    return key, int(value)


def _one_line(data: bytes) -> bytes:
    """A secret of one line without the line's end that editors add; anything else as it is."""
    line = data.removesuffix(b"\n").removesuffix(b"\r")
    return line if line.isascii() and line.decode().isprintable() else data
