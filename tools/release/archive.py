"""A folder -> an archive that alink's FilesTarget unpacks; the same files give the same bytes."""

from __future__ import annotations

import io
import tarfile
import zlib
from pathlib import Path

from tools.cli import Refused
from tools.images.application import walk
from tools.texts import is_name

WBITS = 12  # a window of 4 KiB, so that a board needs little RAM; zlib's own is 15
NAME_MAX = 100  # bytes: of FilesTarget, unless it was told otherwise
MEMBERS_MAX = 256  # the same
DEPTH_MAX = 8


def build_archive(folder: Path, wbits: int = WBITS) -> bytes:
    """The files below `folder` as a gzip ustar archive with a window of 2 ** wbits bytes (9..15).

    Hidden files, editors' leftovers, `__pycache__` and .pyc are left out (see `remarks`), and so
    are empty folders.
    Raises Refused for what a board would refuse.
    """
    out = io.BytesIO()
    names = []
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, source in walk(folder, ""):
            name = path.lstrip("/")
            _check(name, source)
            content = source.read_bytes()
            member = tarfile.TarInfo(name)  # owner, mode and time are the same for everybody
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
            names.append(name)
    if not names:
        raise Refused(f"there are no files in {folder}", "Name the folder that holds them.")
    if len(names) > MEMBERS_MAX:
        raise Refused(f"{len(names)} files", f"A board takes {MEMBERS_MAX}: leave some out.")
    compressor = zlib.compressobj(9, zlib.DEFLATED, 16 + wbits)
    data = compressor.compress(out.getvalue()) + compressor.flush()
    # An extra field ("AL", RFC 1952, 2.3.1.1) tells a board the window: gzip's head has no place
    # for it, and a board would have to take the largest.
    return data[:3] + b"\x04" + data[4:10] + b"\x05\0AL\x01\0" + bytes([wbits]) + data[10:]


def _check(name: str, source: Path) -> None:
    if not is_name(name):
        raise Refused(
            f"{source.parent} holds a file whose name is no plain text: {source.name!a}",
            "Rename it.",
        )
    if source.is_symlink() or not source.is_file():
        raise Refused(f"{source} is not a plain file", "Copy its content to that place.")
    if len(name.encode()) > NAME_MAX or name.count("/") >= DEPTH_MAX:
        raise Refused(
            f"the path {name} is too long for a board",
            f"Use at most {NAME_MAX} bytes and {DEPTH_MAX} levels.",
        )
