"""`device add`: a device and its secret."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tools.cli import Refused
from tools.cloud import control
from tools.cloud.identity import Identity
from tools.cloud.operator import arguments, show
from tools.cloud.operator.asking import agreed
from tools.cloud.operator.folder import CloudFolder, beginning
from tools.cloud.ota.tasks import TaskBook

NAME = "device add"
HELP = """\
add a device and print its secret

Add a device. The secret is printed once. A device that is there already keeps its secret, unless \
you say that it gets a new one: it can sign in no longer before it has that."""
EXAMPLES = """\
python -m tools.cloud device add a1B2c3D4e5F greenhouse_07
python -m tools.cloud device add a1B2c3D4e5F greenhouse_07 --secret-file secret.txt
python -m tools.cloud device add a1B2c3D4e5F greenhouse_07 --settings greenhouse_07.env
python -m tools.cloud device add a1B2c3D4e5F greenhouse_07 --new-secret"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    arguments.device(parser)
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--secret-file", type=Path, metavar="FILE", help="write it to a new file, for you alone"
    )
    where.add_argument(
        "--settings",
        type=Path,
        metavar="FILE",
        help="write it to a new file for flash --provision, with all else that signs a board in "
        "at the stand-in that runs here: names, host, port, CA",
    )
    parser.add_argument(
        "--new-secret", action="store_true", help="replace the secret of a device that is there"
    )


def run(options: argparse.Namespace) -> int:
    """0 when the device is there. Raises Refused."""
    kept = options.settings or options.secret_file
    with beginning(options.folder):
        book = CloudFolder(options.folder, make=True).book
        _check_known(book, Identity(options.product_key, options.device_name), options.new_secret)
        where = _where(options.folder) if options.settings else []
        with _secret_file(kept) as file:
            secret = book.add_device(options.product_key, options.device_name, None)
            if file is not None:
                text = _settings(options, secret, where) if options.settings else f"{secret}\n"
                file.write(text)
    told = [f"secret      {secret}", "Note it now: it is not shown again."]
    show.said(
        options,
        {
            "product": options.product_key,
            "device": options.device_name,
            "secret": secret if kept is None else None,
            "secret_file": None if kept is None else str(kept),
        },
        f"device      {options.product_key}/{options.device_name}",
        *(told if kept is None else [f"secret      in {kept}"]),
    )
    return 0


def _where(folder: Path) -> list[str]:
    """The settings with which a board finds the stand-in that runs here. Raises Refused."""
    running = control.ask(folder, "snapshot")
    if running is None or "mqtts" not in running["ports"]:
        raise Refused(
            f"no stand-in with a gateway runs in {folder}, and only then its address is known",
            "Start it with `serve` (--listen and --public for boards on your network) first.",
        )
    ca = (folder / "ca.pem").resolve()
    return [f"host = {running['public']}", f"port = {running['ports']['mqtts']}", f"ca = {ca}"]


def _settings(options: argparse.Namespace, secret: str, where: list[str]) -> str:
    lines = [
        f"product_key = {options.product_key}",
        f"device_name = {options.device_name}",
        f"device_secret = {secret}",
        *where,
    ]
    return "\n".join(lines) + "\n"


def _check_known(book: TaskBook, identity: Identity, new_secret: bool) -> None:
    """Ask before a secret is replaced that a board may have; where nobody can answer, refuse."""
    if new_secret or book.store.secret(identity) is None:
        return
    if agreed(f"{identity} is there already. Replace its secret? Its board needs it then."):
        return
    raise Refused(
        f"{identity} is there already, and keeps its secret",
        "With --new-secret it gets another one, which its board needs then.",
    )


@contextlib.contextmanager
def _secret_file(path: Path | None) -> Iterator[IO[str] | None]:
    """A new file that only its owner may read; no file when what fills it fails."""
    if path is None:
        yield None
        return
    if path.exists() and not path.is_file():
        raise Refused(f"{path} is there and is not a file", "Name a new file.")
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Refused(
            f"{path} is there already, and may hold a secret that a board has",
            f"Name a new file, or remove that one first: rm {shlex.quote(str(path))}",
        ) from None
    except OSError as exc:
        raise Refused(
            f"cannot make {path}: {exc.strerror}",
            "Name a file in a folder that is there and yours to write to.",
        ) from None
    try:
        with os.fdopen(handle, "w") as file:
            yield file
    except BaseException:
        path.unlink()
        raise
