"""`sim create`: a flash file, as a programmer would have filled it."""

from __future__ import annotations

import argparse
import difflib
import shlex
from pathlib import Path

from tools.chip import image
from tools.chip.layout import load_layout
from tools.cli import Refused, as_json, json_option, worded
from tools.flashing.settings import parse
from tools.images import examine
from tools.images.report import APP_WITH_APPLICATION, MERGED, Report
from tools.places import check_input, check_output, read_input
from tools.sim.board import DEFAULT_TABLE, Board
from tools.sim.flash import SIZE
from tools.texts import decoded

NAME = "create"
HELP = """\
make a flash file

Make a 4 MiB flash with a partition table, an image in slot 0 and files on the board's own file \
system. With an image alink's loader (boot.py) is put there too, unless --file names another."""
EXAMPLES = """\
python -m tools.sim create desk.bin --image release-1.0.0.bin \\
       --set product_key=PK --set device_name=DN --set device_secret=@secret.txt \\
       --set host=127.0.0.1 --set port=8883 --set ca=@.cloud/ca.pem \\
       --set wifi_ssid=any --set wifi_pass=any-will-do"""

_NUMBERS = ("port", "secure", "allow_http", "regnwl")  # settings that NVS holds as numbers
_BYTES = ("ca", "sign_key")  # that are what a file holds; of others it holds the text
SETTINGS = (
    *_NUMBERS,
    *_BYTES,
    "product_key",
    "device_name",
    "device_secret",
    "product_secret",
    "host",
    "wifi_ssid",
    "wifi_pass",
    "ntp_host",
    "device_token",
    "client_id",
)
# What micropython/main.py waits for.
_NEEDED = ("wifi_ssid", "product_key", "device_name", "host")
_LOADER = Path(__file__).resolve().parents[3] / "micropython" / "boot.py"


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
    json_option(parser)


def run(options: argparse.Namespace) -> int:
    """0 when the file is there. Raises Refused, OSError: before there is one."""
    if options.flash.exists() and not options.force:
        raise Refused(f"{options.flash} exists", "Name another, or replace it: --force.")
    named = (Path(text.partition("=@")[2]) for text in options.set if "=@" in text)
    check_output(options.flash, (options.table, options.image, *options.file, *named))
    settings = dict(_setting(text) for text in options.set)
    slot = load_layout(options.table, SIZE).slots[0]
    app, report = _bootable(options.image, slot.size) if options.image else (None, None)
    files = {f"/{file.name}": read_input(file) for file in options.file}
    if app is not None and not files.keys() & {"/boot.py", "/boot.mpy"}:
        # As flash.py does: without it MicroPython comes up and nothing of the image is run.
        files["/boot.py"] = _LOADER.read_bytes()
    with Board.create(options.flash, options.table) as board:
        if app is not None:
            board.write_slot(0, app)
        for path, content in files.items():
            board.install_file(path, content)
        for key, value in settings.items():
            board.nvs_set("alink", key, value)
    complete = not settings or report is None or report.kind != APP_WITH_APPLICATION
    missing = [] if complete else [key for key in _NEEDED if key not in settings]
    if options.json:
        print(as_json({"file": str(options.flash), "missing": missing}))
        return 0
    at = shlex.quote(str(options.flash))
    print(worded(f"{options.flash}: made; run it with: python -m tools.sim run {at}"))
    if missing:
        print(
            f"note: it has no {', '.join(missing)}, for which a main.py that reads alink's "
            "settings waits: any Wi-Fi does here. --force with every --set makes it anew."
        )
    return 0


def _bootable(path: Path, size: int) -> tuple[bytes, Report]:
    """The content of an image that a slot of this size can start, with all that is in it."""
    data = read_input(path)
    report = examine(data)
    if report.kind == MERGED:
        raise Refused(f"{path} is a {report.kind}, and slot 0 takes an image", report.advice)
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
    if report.problems:
        # It would boot, and its application fail with a number.
        raise Refused(f"{path} is damaged: {report.problems[0]}", report.advice)
    return data, report


def _setting(text: str) -> tuple[str, int | str | bytes]:
    """KEY=VALUE as it goes into NVS: a number, text, or the content of @FILE."""
    key, found, value = text.partition("=")
    if not found or not 0 < len(key) <= 15:
        raise Refused(
            f"--set {key} is no setting", "Say KEY=VALUE, the key with at most 15 letters."
        )
    if key not in SETTINGS:
        meant = difflib.get_close_matches(key, SETTINGS, 1)
        raise Refused(
            f"--set {key}: alink has no such setting",
            f"Perhaps you mean {meant[0]}." if meant else f"There are {', '.join(SETTINGS)}.",
        )
    if key in _BYTES:
        if not value.startswith("@"):
            raise Refused(f"--set {key}: a file is wanted", f"Name it: --set {key}=@FILE.")
        check_input(Path(value[1:]))
        return key, parse(key, value[1:])
    if value.startswith("@"):
        path = Path(value[1:])
        value = decoded(path.read_bytes(), path).removesuffix("\n").removesuffix("\r")
    if key not in _NUMBERS:
        return key, value
    most = 65535 if key == "port" else 0x7FFFFFFF
    if not value.isdecimal() or int(value) > most:
        raise Refused(f"--set {key}: a number is wanted, 0 to {most}", "Write it in digits.")
    return key, int(value)
