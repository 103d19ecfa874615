"""`image.py build`: a stock firmware and an application -> the one file that boards download."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.chip.chips import CHIPS
from tools.cli import WARNING, as_json, json_option, offered, sorted_out
from tools.images import BLOCK_SIZE, SLOT_SIZE, build_image, check_version, examine
from tools.images.application import ALINK, LOADER, check_hiding, hides_option, mentioned, remarks
from tools.images.features import FEATURES, packed, told
from tools.places import check_output, output_path, read_input, write_output

NAME = "build"
HELP = "firmware + application -> one file to download"
EXAMPLES = """\
image.py build --firmware ESP32_GENERIC.bin --app my_app --version 1.1.0 -o release-1.1.0.bin
image.py build --firmware C3.bin --chip esp32c3 --app my_app --version 1.1.0 -o c3-1.1.0.bin
image.py build --firmware S3.bin --chip esp32s3 --app my_app --version 1.1.0 \\
               --slot-size 0x300000 -o s3-1.1.0.bin"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("--firmware", type=Path, required=True, help="stock .bin or .app-bin")
    parser.add_argument("--app", type=Path, required=True, help="folder with your main.py")
    parser.add_argument("--version", required=True, help="1 to 64 of letters, digits, . - _")
    parser.add_argument("-o", "--output", type=output_path, required=True, help="file to write")
    chip = parser.add_argument(
        "--chip", default="esp32", help="what the image is for (%(default)s)"
    )
    offered(chip, (one.name for one in CHIPS))
    parser.add_argument(
        "--block-size", type=_number, default=BLOCK_SIZE, help="of LittleFS (%(default)s)"
    )
    parser.add_argument(
        "--slot-size", type=_number, default=SLOT_SIZE, help="bytes, 0x.. too (%(default)s)"
    )
    keep = parser.add_argument(
        "--with",
        type=_features,
        default=[],
        dest="keep",
        metavar="PART,..",
        help=f"parts of alink to pack: {', '.join(FEATURES)} (default: those that it may need)",
    )
    leave = parser.add_argument(
        "--without",
        type=_features,
        default=[],
        dest="leave",
        metavar="PART,..",
        help="parts of alink to leave out",
    )
    offered(keep, FEATURES)
    offered(leave, FEATURES)
    hides_option(parser)
    parser.add_argument("--alink", type=Path, default=ALINK, help="package folder to embed")
    parser.add_argument("--loader", type=Path, default=LOADER, help="boot.py to carry along")
    json_option(parser)


def _number(text: str) -> int:
    return int(text, 0)


def _features(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in FEATURES:
            offered = ", ".join(FEATURES)
            raise argparse.ArgumentTypeError(f"there is no {name!r}: choose from {offered}")
    return names


def run(options: argparse.Namespace) -> int:
    """0 when the file is there. Raises Refused, OSError."""
    check_version(options.version)
    found = mentioned(options.app) if options.app.is_dir() else set()
    features = packed(found, options.keep, options.leave)
    check_output(options.output, (options.firmware, options.app, options.alink, options.loader))
    check_hiding(options.app, options.hides)
    with _progress(f"building {options.output}", silent=options.json):
        data = build_image(
            read_input(options.firmware),
            options.app,
            options.version,
            chip=options.chip,
            block_size=options.block_size,
            slot_size=options.slot_size,
            alink=options.alink,
            loader=options.loader,
            features=features,
        )
        write_output(options.output, data)
    report = examine(data)
    before = [*remarks(options.app), *([f"{WARNING}{report.warning}"] if report.warning else [])]
    behind = told(found, features)
    volume = report.volume.size if report.volume else 0
    if options.json:
        row = {
            "file": str(options.output),
            "version": options.version,
            "chip": report.image.chip,
            "size": len(data),
            "firmware": report.image.end,
            "application": volume,
            "slot_needed": report.slot_needed,
            "without": sorted(set(FEATURES) - features),
            **sorted_out([*before, *behind]),
        }
        print(as_json(row))
        return 0
    for line in before:
        print(line, file=sys.stderr)
    print(
        f"{options.output}: version {options.version} for {report.image.chip}, {len(data)} bytes "
        f"(firmware {report.image.end}, application {volume}), needs a slot of "
        f"{report.slot_needed} bytes"
    )
    for line in behind:
        print(line, file=sys.stderr if line.startswith(WARNING) else sys.stdout)
    return 0


@contextlib.contextmanager
def _progress(text: str, *, silent: bool) -> Iterator[None]:
    """A spinner while the compiler runs, on a terminal only."""
    if silent or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield
