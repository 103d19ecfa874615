"""The package (.alp): its head and its operations, byte by byte, as docs/package.md says.

A head of 80 bytes and one zlib stream behind it. The stream of a compressed image inflates to the
image, that of a difference to operations which make the image of another one, the source.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from tools.cli import Refused

MAGIC = b"\x89ALP"
VERSION = 1
COMPRESSED, DIFFERENCE = 1, 2
WINDOWS = (8, 9, 10, 11, 12)
HEAD_SIZE = 80
_HEAD = struct.Struct("<4sBBBBI32sI32s")
_NO_DIGEST = bytes(32)

COPY, ADD, INSERT, SEEK = range(4)
NUMBER_END = 1 << 30  # an operation's number is below this
NUMBER_BYTES = 5
SEEKS_MAX = 16  # in a row

_MAKE_AGAIN = "Make it again with image.py pack, or get it again."


class PackageError(Refused):
    """A package that a board would refuse, or that does not fit what it is applied to."""


@dataclass(frozen=True)
class Head:
    """The first 80 bytes: sizes in bytes, digests are SHA-256, `window` is in bits.

    A compressed image has no source: size 0 and a digest of zeros.
    """

    kind: int
    window: int
    size: int
    sha256: bytes
    source_size: int = 0
    source_sha256: bytes = _NO_DIGEST

    def to_bytes(self) -> bytes:
        """As it stands in the file."""
        return _HEAD.pack(
            MAGIC,
            VERSION,
            self.kind,
            self.window,
            0,
            self.size,
            self.sha256,
            self.source_size,
            self.source_sha256,
        )


def is_package(data: bytes) -> bool:
    """Whether a file says that it is a package; nothing more of it has been looked at."""
    return data[: len(MAGIC)] == MAGIC


def read_head(data: bytes) -> Head:
    """The head of a package. Raises PackageError for one that no version 1 has."""
    if not is_package(data):
        raise PackageError("this is no package", "image.py pack makes one of an image.")
    if len(data) < HEAD_SIZE:
        raise PackageError(
            f"it ends within its head: {len(data)} of {HEAD_SIZE} bytes", _MAKE_AGAIN
        )
    _, version, kind, window, zero, size, digest, source_size, source = _HEAD.unpack_from(data)
    if version != VERSION:
        raise PackageError(
            f"package format {version}, and this program knows {VERSION}",
            "Use the release of alink that made it.",
        )
    what = ""
    if kind not in (COMPRESSED, DIFFERENCE):
        what = f"an unknown kind {kind}"
    elif window not in WINDOWS:
        what = f"a window of {window} bits"
    elif zero:
        what = f"{zero} where a zero belongs"
    elif not size:
        what = "an image of 0 bytes"
    elif kind == COMPRESSED and (source_size or source != _NO_DIGEST):
        what = "a source, although it is no difference"
    elif kind == DIFFERENCE and not source_size:
        what = "a source of 0 bytes"
    if what:
        raise PackageError(f"its head states {what}", _MAKE_AGAIN)
    return Head(kind, window, size, digest, source_size, source)


def number(value: int) -> bytes:
    """An operation's number in LEB128: seven bits a byte, the low ones first."""
    if not 0 <= value < NUMBER_END:
        raise ValueError(f"{value} does not fit an operation")
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def operation(op: int, count: int, data: bytes = b"") -> bytes:
    """One operation; ADD and INSERT bring as many bytes of data as they count."""
    return number(count << 2 | op) + data


def seek(by: int) -> bytes:
    """The operation that moves the source position by so many bytes, or back if negative."""
    return operation(SEEK, by << 1 if by >= 0 else (-by - 1) << 1 | 1)
