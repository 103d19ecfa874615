"""`image.py files`: a folder -> the archive of a module that is files."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tools.cli import Refused, as_json, json_option, sorted_out
from tools.images.application import remarks
from tools.places import check_output, output_path, write_output
from tools.release import WBITS, build_archive

NAME = "files"
HELP = "folder -> archive for a module that is files"
_OTHERS = (".zip", ".tar", ".7z", ".rar", ".bz2", ".xz", ".zst", ".bin", ".img", ".alp")
EXAMPLES = """\
image.py files --dir web -o assets.tar.gz
image.py files --dir web --wbits 10 -o assets.tar.gz    for a board with little RAM"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("--dir", type=Path, required=True, help="folder with the files")
    parser.add_argument("-o", "--output", type=output_path, required=True, help="file to write")
    parser.add_argument(
        "--wbits",
        type=int,
        choices=range(9, 16),
        default=WBITS,
        metavar="9..15",
        help="the board needs 2 ** WBITS bytes of RAM to unpack it (%(default)s)",
    )
    json_option(parser)


def _check_name(output: Path) -> None:
    """Refuse a name that promises another kind of archive."""
    kind = "".join(output.suffixes[-2:]).lower()
    if kind.endswith((".tgz", ".tar.gz", ".gz")) or output.suffix.lower() not in _OTHERS:
        return
    raise Refused(
        f"{output} is named as another kind of archive, and this makes a gzip tar",
        f"Call it {output.with_suffix('').with_suffix('.tar.gz').name}.",
    )


def run(options: argparse.Namespace) -> int:
    """0 when the archive is there. Raises Refused, OSError."""
    _check_name(options.output)
    check_output(options.output, (options.dir,))
    data = build_archive(options.dir, options.wbits)
    write_output(options.output, data)
    said = remarks(options.dir)
    if options.json:
        row = {"file": str(options.output), "size": len(data), "wbits": options.wbits}
        print(as_json({**row, **sorted_out(said)}))
        return 0
    for line in said:
        print(line, file=sys.stderr)
    print(f"{options.output}: {len(data)} bytes, for FilesTarget(.., wbits={options.wbits})")
    return 0
