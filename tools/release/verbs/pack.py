"""`image.py pack`: a release -> a package, or one for each older release."""

from __future__ import annotations

import argparse
import contextlib
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tools.cli import as_json, json_option
from tools.places import check_output, output_path, read_input, write_output
from tools.release.pack import check_image, check_pair, compress, difference
from tools.release.package_format import WINDOWS, PackageError
from tools.release.package_report import examine_package, told

SUFFIX = ".alp"


NAME = "pack"
HELP = """\
image -> a smaller package: compressed, or what is new since a release

Make a package of an image: compressed, or with --from as the difference to an older release, for \
boards that run exactly that one."""
EXAMPLES = """\
image.py pack release-1.1.0.bin -o release-1.1.0.alp
image.py pack release-1.1.0.bin --from release-1.0.0.bin -o from-1.0.0.alp
image.py pack release-1.1.1.bin --from release-1.1.0.bin --from release-1.0.0.bin -o packages"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("file", type=Path, help="the image, as image.py build makes it")
    parser.add_argument(
        "--from",
        type=Path,
        action="append",
        default=[],
        dest="sources",
        metavar="OLD.bin",
        help="the image that a board runs: make the difference (repeatable: one package each)",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=output_path,
        required=True,
        help="file to write; for several --from its name gets -from-VERSION. A folder does, too",
    )
    parser.add_argument(
        "--window",
        type=int,
        choices=WINDOWS,
        default=WINDOWS[0],
        metavar="|".join(map(str, WINDOWS)),
        help="the board needs 2 ** WINDOW bytes of RAM to unpack it; each more saves one or two "
        "parts in a hundred of the bytes (default: %(default)s, which fits any board)",
    )
    json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Make what was asked for; nothing is written before everything was read and looked at.

    Raises Refused, OSError.
    """
    image = read_input(options.file)
    report = check_image(image, str(options.file))
    olds = []
    for path in options.sources:
        data = read_input(path)
        old = check_image(data, str(path))
        check_pair(report, old)
        if data == image:
            raise PackageError(f"{path} is the same image", "There is nothing to update.")
        olds.append((data, old.version or path.stem))
    outputs = _outputs(options.output, options.file, [name for _, name in olds])
    for output in outputs:
        check_output(output, (options.file, *options.sources))
    if not olds:
        with _progress(1, silent=options.json) as step:
            step(f"compressing {options.file}")
            package = compress(image, options.window)
        write_output(outputs[0], package)
        _say(options, outputs[0], package, image)
        return 0
    for number, (output, (data, name)) in enumerate(zip(outputs, olds, strict=True)):
        with _progress(len(olds), number, silent=options.json) as step:
            step(f"difference from {name}")
            package = difference(image, data, options.window)
        write_output(output, package)
        _say(options, output, package, image, data)
    return 0


def _say(
    options: argparse.Namespace,
    output: Path,
    package: bytes,
    image: bytes,
    source: bytes | None = None,
) -> None:
    """What was made; for programs, all that inspect says of it."""
    if options.json:
        report = examine_package(package, source)
        print(as_json({"file": str(output), **report.as_json()}), flush=True)
    else:
        print(f"{output}: {told(package, image, source)}", flush=True)


def _outputs(output: Path, image: Path, names: list[str]) -> list[Path]:
    """Where each package goes, by what it starts from (none: one, compressed)."""
    folder = output.is_dir()
    stem = image.stem if folder else output.stem
    suffix = SUFFIX if folder else output.suffix
    place = output if folder else output.parent
    if not names:
        return [place / (stem + suffix)]
    if len(names) == 1 and not folder:
        return [output]
    if not suffix:  # such names look like nothing
        raise PackageError(
            f"there is no folder {output}, and for several packages it has to be one",
            f"Make it first (mkdir {shlex.quote(str(output))}), or name a file, as "
            f"{output}{SUFFIX}: each package gets its -from-VERSION.",
        )
    made = [place / f"{stem}-from-{name}{suffix}" for name in names]
    for number, path in enumerate(made):
        if path in made[:number]:
            raise PackageError(
                f"two sources are called {names[number]}, so both would be written to {path}",
                "Pack one at a time, each with its own -o.",
            )
    return made


@contextlib.contextmanager
def _progress(
    total: int, done: int = 0, *, silent: bool = False
) -> Iterator[Callable[[str], None]]:
    """A bar of how many are made, on a terminal only."""
    if silent or not sys.stderr.isatty():
        yield lambda text: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed} of {task.total}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=total, completed=done)
        yield lambda text: progress.update(task, description=text)
        progress.update(task, completed=done + 1)
