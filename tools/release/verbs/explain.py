"""`image.py explain`: a board's traceback with the names of alink's sources."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterable
from pathlib import Path

from tools.cli import as_json, json_option
from tools.images.application import ALINK
from tools.places import read_input
from tools.release.explain import explainer

NAME = "explain"
HELP = """\
a board's traceback with the names of alink's sources

In an image alink's modules and functions have short names. This puts those of the sources into a \
console's text."""
EXAMPLES = """\
image.py explain console.txt
flash.py monitor | image.py explain"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("file", type=Path, nargs="?", help="the text (default: standard input)")
    parser.add_argument(
        "--alink", type=Path, default=ALINK, help="package folder that the image was built with"
    )
    json_option(parser)


def run(options: argparse.Namespace) -> int:
    """0 when the text has been printed."""
    explain = explainer(options.alink)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a console may hold anything
    if options.file is not None:
        text = read_input(options.file).decode(errors="replace")
        lines: Iterable[str] = text.splitlines(keepends=True)
    else:
        lines = (line.decode(errors="replace") for line in sys.stdin.buffer)
    for line in lines:
        said = explain(line)
        if options.json:
            said = as_json({"text": said.rstrip("\r\n"), "explained": said != line}) + "\n"
        print(said, end="", flush=True)
    return 0
