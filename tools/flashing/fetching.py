"""A stock firmware by its version: fetched from micropython.org once, and kept beside the work.

`1.27.0`, or with a variant of the board `SPIRAM_OCT-1.27.0`. Its file is named as the site names
it, BOARD-VARIANT-DATE-vVERSION.bin, and one that lies in the current folder is taken without a
network.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from tools.chip.boards import BoardType
from tools.chip.image import MAGIC
from tools.cli import Refused
from tools.flashing.screen import Screen
from tools.images.oldest_firmware import OLDEST
from tools.places import write_output

SITE = "https://micropython.org"
# Of releases whose date is known the file is asked for by its name; else the board's page tells.
DATES = {
    "1.25.0": "20250415",
    "1.26.0": "20250809",
    "1.26.1": "20250911",
    "1.27.0": "20251209",
    "1.28.0": "20260406",
}
_NAME = re.compile(r"(?:([A-Z0-9_]+)-)?v?(\d+\.\d+\.\d+)")
_LARGEST = 16 << 20
_PIECE = 64 << 10
_PATIENCE_S = 30


def check_name(named: Path, board: BoardType) -> None:
    """Raise Refused for a --firmware that is neither a file nor a version that alink runs on, or
    a variant that this board has none of.
    """
    if named.exists():
        return
    version = _NAME.fullmatch(str(named))
    if version is None:
        raise Refused(
            f"{named}: No such file or directory", "Give a file, or a version as 1.27.0."
        )
    if tuple(map(int, version[2].split("."))) < OLDEST:
        raise Refused(
            f"MicroPython {version[2]} is too old: alink needs {OLDEST[0]}.{OLDEST[1]} or newer",
            "Give a newer version, as 1.27.0.",
        )
    # (Which variants a release has that these tools do not know its page tells.)
    if version[1] and version[2] in DATES and version[1] not in board.variants:
        if list(Path().glob(_Wanted(board.name, version[1], version[2]).file("?" * 8))):
            return
        names = ", ".join(f"{one}-{version[2]}" for one in board.variants)
        raise Refused(
            f"{board.name} has no variant {version[1]} of MicroPython {version[2]}",
            f"Give {version[2]}, or of its variants {names}." if names else f"Give {version[2]}.",
        )


def firmware_file(named: Path, board: BoardType, screen: Screen) -> Path:
    """The file of --firmware: as it is named, or fetched when that is a version.

    Raises Refused where it cannot be had; it says which file to bring then.
    """
    version = _NAME.fullmatch(str(named))
    if version is None or named.exists():
        return named
    wanted = _Wanted(board.name, version[1], version[2])
    here = sorted(Path().glob(wanted.file("?" * 8)))
    if here:
        screen.say(f"firmware: {here[-1]}, which is here already")
        return here[-1]
    name = wanted.file(DATES.get(version[2]) or _date(wanted))
    data = _get(f"{SITE}/resources/firmware/{name}", name, wanted, screen)
    if data[:1] != bytes([MAGIC]):
        raise Refused(
            f"what came from {SITE} as {name} is no firmware",
            "Something between here and there answers in its place (a sign-in page?). "
            + wanted.advice(name),
        )
    path = Path(name)
    write_output(path, data)
    screen.say(f"firmware: {path} from {SITE}, {len(data)} bytes")
    screen.say(f"  SHA-256 {hashlib.sha256(data).hexdigest()}")
    return path


class _Wanted:
    """A release for a board, of a variant perhaps."""

    def __init__(self, board: str, variant: str | None, version: str) -> None:
        self.board = board
        self.version = version
        self._start = f"{board}-{variant}" if variant else board

    def file(self, date: str) -> str:
        """Its name, as of that day."""
        return f"{self._start}-{date}-v{self.version}.bin"

    def there(self, page: str) -> list[str]:
        """What a page offers of this version, in the words of --firmware."""
        shape = rf"{self.board}-((?:[A-Z0-9_]+-)?)\d{{8}}-v{re.escape(self.version)}\.bin"
        return sorted({f"{variant}{self.version}" for variant in re.findall(shape, page)})

    def advice(self, name: str) -> str:
        """How to bring it by hand."""
        return (
            f"Download {name} with any browser from {SITE}/download/{self.board}/, put it into "
            "this folder, and run the same command again."
        )


def _date(wanted: _Wanted) -> str:
    """The day of a release, from the board's page."""
    name = wanted.file("DATE")
    page = _get(f"{SITE}/download/{wanted.board}/", name, wanted, None)
    shape = re.escape(name).replace("DATE", r"(\d{8})")
    text = page.decode("utf-8", "replace")
    found = re.search(shape, text)
    if found is None:
        there = wanted.there(text)
        raise Refused(
            f"{SITE} has no {name} among the downloads of {wanted.board}",
            (f"Of this version it has {', '.join(there)}. " if there else "")
            + f"See {SITE}/download/{wanted.board}/ for the versions there are, and for variants, "
            "as in --firmware SPIRAM_OCT-1.27.0.",
        )
    return found[1]


def _get(url: str, name: str, wanted: _Wanted, screen: Screen | None) -> bytes:
    """What is there; its progress on `screen`. Refused tells how to bring the file by hand."""
    import requests

    data = bytearray()
    try:
        with requests.get(url, stream=True, timeout=_PATIENCE_S) as answer:
            if answer.status_code == 404:
                raise Refused(f"{SITE} has no {name}", wanted.advice("the one there is"))
            answer.raise_for_status()
            length = int(answer.headers.get("Content-Length", 0))
            if screen is not None:
                screen.begin("firmware", length or None)
            for piece in answer.iter_content(_PIECE):
                data += piece
                if screen is not None:
                    screen.at(len(data))
                if len(data) > _LARGEST:
                    raise Refused(f"{url} does not end", wanted.advice(name))
        if length > len(data):
            raise Refused(f"{url} broke off at {len(data)} of {length}", wanted.advice(name))
    except requests.RequestException as exc:
        raise Refused(f"{SITE} cannot be reached ({_why(exc)})", wanted.advice(name)) from None
    return bytes(data)


def _why(error: Any) -> str:
    """The end of the chain of causes in the library's own words, without its addresses."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"it answers {response.status_code}"
    return type(error).__name__
