"""`flash.py deploy`: the quick development cycle, without an image and without the platform.

The folder goes to /dev_app on the board's own file system, compiled as in an image, and only what
changed travels. While NVS says `dev` = 1, boot.py prefers it to the application in the slot; never
for an image on trial, and an accepted upgrade job ends it.
"""

from __future__ import annotations

import argparse
import hashlib
import posixpath
import sys
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from tools.cli import Refused, as_json, json_option
from tools.flashing.link import Link
from tools.flashing.refusals import NO_LOADER
from tools.images.application import (
    ALINK,
    LOADER_COPY,
    check_hiding,
    collect,
    hides_option,
    mentioned,
    package,
)
from tools.images.features import FEATURES, packed
from tools.images.homes import of
from tools.images.machine import PACKETS, PACKETS_BYTECODE, SUMS_MODULE

NAME = "deploy"
HELP = "run a folder's program on the board at once: only what changed is sent"
EXAMPLES = """\
flash.py deploy my_app
flash.py deploy my_app --monitor    and watch it
flash.py deploy --off               back to the version in the slot"""

ROOT = "/dev_app"
PACKAGE = "/alink/"
_RESERVE = 8192  # bytes of the file system that stay free


ON_TRIAL = Refused(
    "the version on the board is on trial",
    "Wait until it is confirmed or falls back (flash.py monitor shows it), then deploy.",
)


class NoRoom(Refused):
    """The board's file system is too small for what it was to hold."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("folder", type=Path, nargs="?", help="folder with your main.py")
    parser.add_argument("--port", help="serial port of the board (default: the only one)")
    parser.add_argument(
        "--version",
        default="dev",
        help="what the program reports as its version (%(default)s)",
    )
    hides_option(parser)
    parser.add_argument("--monitor", action="store_true", help="show its console afterwards")
    parser.add_argument("--off", action="store_true", help="run the slot's application again")
    json_option(parser)


def run(options: argparse.Namespace) -> int:
    """0 when the program has been started."""
    if options.off == (options.folder is not None) or (options.off and options.hides):
        raise Refused("give a folder to deploy, or --off alone", "See flash.py deploy --help.")
    if options.json and options.monitor:
        raise Refused("a board's console is no JSON", "Leave --json or --monitor out.")
    if not options.off:
        check_hiding(options.folder, options.hides)
    files = {} if options.off else _files(options.folder, options.version)
    with Link(options.port) as link:
        if options.off:
            link.clean()
            _mode(link, 0)
            said = "development is off: the version in the slot runs."
            count = sent = size = 0
        else:
            link.clean(ON_TRIAL)
            count, sent, size = _deploy(link, files, packed(mentioned(options.folder)))
            said = f"{count} files in {ROOT}, {sent} of them sent ({size} bytes); it runs now."
        name = link.name
    if options.json:
        row = {"port": name, "folder": ROOT, "runs": not options.off}
        print(as_json({**row, "files": count, "sent": sent, "size": size}))
    else:
        print(said)
    if options.monitor:
        from tools.flashing.verbs import monitor

        monitor.watch(name, None)
    return 0


def _files(folder: Path, version: str) -> dict[str, bytes]:
    files = collect(folder, version)
    del files[LOADER_COPY]  # of use in an image only
    return files


def _deploy(link: Link, files: dict[str, bytes], needed: set[str]) -> tuple[int, int, int]:
    """Have the board run these: how many are there, how many were sent, and their bytes."""
    if not link.has_loader():
        raise NO_LOADER
    _mode(link, 0)  # a deployment that breaks off must not run
    # The package need not be there twice: what the slot's image carries is on the path too.
    carried = _carried(link, needed)
    if carried:
        files = {path: content for path, content in files.items() if not path.startswith(PACKAGE)}
    try:
        sent, size = sync(link, ROOT, files)
    except NoRoom as exc:
        advice = exc.advice
        if not carried:
            advice += (
                " alink takes most of it, because the version in the slot carries another one or "
                "less of it: with an image of this one there (flash.py flash, or an update) it "
                "is not sent."
            )
        raise NoRoom(exc.cause, advice) from None
    _mode(link, 1)
    return len(files), sent, size


def _carried(link: Link, needed: set[str]) -> bool:
    """Whether the image in the slot carries this very alink, with the features that are needed.

    How its files are compiled depends on which of them there are: so compared are all of them but
    for those in machine code, which are there a second time as bytecode.
    """
    image = {
        path.removeprefix("/app"): digest
        for path, digest in link.ask("tree", ROOTS=["/app" + PACKAGE[:-1]]).items()
        if not path.endswith("/")
    }
    image.pop(f"/{SUMS_MODULE}.mpy", None)
    bytecode = image.pop(f"/{PACKETS_BYTECODE}.mpy", None)
    if bytecode is not None:
        image[f"/{of(ALINK).get(PACKETS, PACKETS)}.mpy"] = bytecode
    sources = {path.removeprefix(PACKAGE).replace(".mpy", ".py") for path in image}
    there = {
        name
        for name, feature in FEATURES.items()
        if any(source.startswith(feature.paths) for source in sources)
    }
    return needed <= there and image == {
        path: hashlib.sha256(content).hexdigest()
        for path, content in package(ALINK, there).items()
    }


def _mode(link: Link, on: int) -> None:
    code = "n.set_i32('dev',1)" if on else "n.erase_key('dev')"
    link.run(
        "import esp32\nn=esp32.NVS('alink')\n"
        f"try:\n {code}\n n.commit()\nexcept OSError as e:\n"
        " if e.errno!=-0x1102: raise"  # ESP_ERR_NVS_NOT_FOUND: was off
    )


def sync(link: Link, root: str, files: dict[str, bytes]) -> tuple[int, int]:
    """Make the folder `root` hold exactly `files` ("/name" -> content).

    -> (number of files sent, bytes sent). Raises NoRoom when they do not fit, Refused when
    they do not read back.
    """
    wanted = {root + path: content for path, content in files.items()}
    digests = {path: hashlib.sha256(content).hexdigest() for path, content in wanted.items()}
    there: dict[str, str] = link.ask("tree", ROOTS=[root], timeout_s=60)
    changed = [path for path in wanted if there.get(path) != digests[path]]
    folders = {folder for path in wanted for folder in _above(path, root)}
    stale = [
        path
        for path in sorted(there, reverse=True)  # files before the folder they are in
        if path not in wanted and not (path.endswith("/") and path[:-1] in folders)
    ]
    for path in stale:
        verb = "rmdir" if path.endswith("/") else "remove"
        link.run(f"import os\nos.{verb}(p)", p=path.rstrip("/"))
    size = sum(len(wanted[path]) for path in changed)
    new = [folder for folder in folders if folder + "/" not in there]
    _check_room(link, [len(wanted[path]) for path in changed], new, set(there) & set(changed))
    for folder in sorted(new):
        link.run(
            "import os\ntry:\n os.mkdir(p)\nexcept OSError as e:\n if e.errno!=17: raise",
            p=folder,
        )
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("sending", total=size)
        for path in changed:
            link.write_file(path, wanted[path], lambda n: progress.advance(task, n))
    if changed:
        now: dict[str, str] = link.ask("tree", ROOTS=[root], timeout_s=60)
        if {path: value for path, value in now.items() if not path.endswith("/")} != digests:
            raise Refused(
                f"what is in {root} is not what was sent",
                "Try again; if it stays so, the flash chip or its file system is damaged.",
            )
    return len(changed), size


def _above(path: str, root: str) -> list[str]:
    """The folders from `root` down to the one that holds `path`."""
    folder, found = posixpath.dirname(path), []
    while len(folder) >= len(root):
        found.append(folder)
        folder = posixpath.dirname(folder)
    return found


def _check_room(link: Link, sizes: list[int], folders: list[str], replaced: set[str]) -> None:
    """Refuse files and new folders that do not fit; LittleFS gives each whole blocks."""
    said = link.run("import os\nv=os.statvfs('/');print(v[0],v[2],v[3])")
    block, count, free = map(int, said.split())
    if free > count:  # a full one has a few less than none
        free = 0
    had = (
        link.run("import os\nprint(*[os.stat(p)[6] for p in P])", P=sorted(replaced))
        if replaced
        else ""
    )
    free += _blocks(map(int, had.split()), block)
    needed = _blocks(sizes, block) + 2 * len(folders)
    room = free * block - _RESERVE
    if needed * block > room:
        raise NoRoom(
            f"{needed * block} bytes do not fit on the board's file system, which has "
            f"{max(room, 0)}",
            "Remove files from it (mpremote fs ls, fs rm), or from the folder.",
        )


def _blocks(sizes: Iterable[int], block: int) -> int:
    """What files of those sizes take: their bytes, and a few in each block to find the others."""
    return sum(-(-size // (block - 8)) for size in sizes)
