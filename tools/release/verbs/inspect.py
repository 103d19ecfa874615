"""`image.py inspect`: what a file is, and whether it is sound."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

from tools.cli import Refused, worded
from tools.images import Report, as_text, examine
from tools.images.report import OTHER
from tools.places import read_input
from tools.release.archive_report import (
    ArchiveReport,
    archive_text,
    examine_archive,
    is_archive,
)
from tools.release.package_format import is_package
from tools.release.package_report import PackageReport, examine_package, package_text

NAME = "inspect"
HELP = "what a file is, and whether it is sound"
EXAMPLES = """\
image.py inspect release-1.1.0.bin
image.py inspect release-1.1.0.bin --json
image.py inspect assets.tar.gz
image.py inspect from-1.0.0.alp --from release-1.0.0.bin
Exit code 0: it is sound. 1: something in it is invalid."""

# A report says of such a file what an image is; here it may be more.
_EMPTY = "It is empty: get it again."
_GET_AGAIN = (
    "Get it again and compare its size, or look whether it is the file you mean: an image, "
    "MicroPython's .bin or .app-bin, a package (.alp) or an archive of files. (What a partition "
    "table is tells flash.py check.)"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("file", type=Path)
    parser.add_argument(
        "--from",
        type=Path,
        dest="source",
        metavar="OLD.bin",
        help="of a difference: the image that it starts from",
    )
    parser.add_argument("--json", action="store_true", help="for programs")


def run(options: argparse.Namespace) -> int:
    """0: sound; 1: something is invalid. Raises Refused, OSError."""
    data = read_input(options.file)
    source = read_input(options.source) if options.source is not None else None
    report: Report | PackageReport | ArchiveReport
    if is_archive(data) and source is None:
        report = examine_archive(data)
    elif is_package(data):
        report = examine_package(data, source)
    elif source is not None:
        raise Refused(
            f"{options.file} is no package", "--from is for packages: leave it out for an image."
        )
    else:
        report = examine(data)
        if report.kind == OTHER:
            report = replace(report, advice=_GET_AGAIN if data else _EMPTY)
    if options.json:
        print(json.dumps(report.as_json(), indent=2))
    elif isinstance(report, ArchiveReport):
        print(worded(archive_text(report)))
    elif isinstance(report, PackageReport):
        print(worded(package_text(report)))
    else:
        print(worded(as_text(report)))
    return 1 if report.problems else 0
