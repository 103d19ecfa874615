"""`device add`: a device and its secret."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tools.cli import Refused
from tools.cloud.operator import arguments, views
from tools.cloud.operator.folder import CloudFolder

NAME = "device add"
HELP = """\
add a device and print its secret

Add a device, or give it a new secret. The secret is printed once."""
EXAMPLES = """\
python -m tools.cloud device add a1B2c3D4e5F greenhouse_07
python -m tools.cloud device add a1B2c3D4e5F greenhouse_07 --secret-file secret.txt"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    arguments.folder(parser)
    arguments.device(parser)
    parser.add_argument(
        "--secret-file", type=Path, metavar="FILE", help="write it to a new file, for you alone"
    )


def run(options: argparse.Namespace) -> int:
    """0 when the device is there. Raises Refused."""
    out = views.console()
    book = CloudFolder(options.folder).book
    with _secret_file(options.secret_file) as file:
        secret = book.add_device(options.product_key, options.device_name, None)
        if file is not None:
            file.write(secret + "\n")
    out.print(f"device      {options.product_key}/{options.device_name}")
    if options.secret_file is not None:
        out.print(f"secret      in {options.secret_file}", soft_wrap=True)
        return 0
    out.print(f"secret      {secret}")
    out.print("Note it now: it is not shown again. `device add` once more makes a new one.")
    return 0


@contextlib.contextmanager
def _secret_file(path: Path | None) -> Iterator[IO[str] | None]:
    """A new file that only its owner may read; no file when what fills it fails."""
    if path is None:
        yield None
        return
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as exc:
        raise Refused(
            f"cannot make {path}: {exc.strerror}", "Name a new file in a folder that is there."
        ) from None
    try:
        with os.fdopen(handle, "w") as file:
            yield file
    except BaseException:
        path.unlink()
        raise
