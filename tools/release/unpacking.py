"""A package -> the image, with every check of docs/package.md: this refuses what a board must.

Written apart from what makes packages and from what a board runs, so that it can judge both. What
is wrong is told in the words of the board's E73, and more where there is more to tell.
"""

from __future__ import annotations

import hashlib
import zlib
from collections import deque
from dataclasses import dataclass, field

from tools.release.package_format import (
    ADD,
    COMPRESSED,
    COPY,
    DIFFERENCE,
    HEAD_SIZE,
    INSERT,
    NUMBER_BYTES,
    NUMBER_END,
    SEEK,
    SEEKS_MAX,
    Head,
    PackageError,
    read_head,
)

# A board has 496 bytes of the stream at a time, for 112 that come out: see docs/package.md.
_PIECE = 32
_PIECES = 14  # so many whole ones are in any 496 bytes
_LEAST = 112

_DAMAGED = "Get it again, or make it again with image.py pack."


def unpack(package: bytes, source: bytes | None = None) -> bytes:
    """The image in a package; `source` is the image that a difference starts from.

    Raises PackageError for whatever is not exactly as the format says.
    """
    head = read_head(package)
    if head.kind == DIFFERENCE:
        _check_source(head, source)
    stream = _Inflated(package, head.window)
    if head.kind == COMPRESSED:
        image = stream.read(head.size)
    else:
        image = _Rebuilt(head.size, head.source_size, source).run(stream)
    stream.end()
    if hashlib.sha256(image).digest() != head.sha256:
        raise PackageError("not the image that its head tells of: another SHA-256", _DAMAGED)
    return image


def walk(package: bytes) -> None:
    """Every check of a difference that can be made without its source.

    Its stream is inflated to its end and each operation is followed, by the sizes that the head
    states. Whether the source's bytes make the image of the head's SHA-256 stays open. Raises
    PackageError for what no source makes an image of.
    """
    head = read_head(package)
    stream = _Inflated(package, head.window)
    _Rebuilt(head.size, head.source_size).run(stream)
    stream.end()


def _check_source(head: Head, source: bytes | None) -> None:
    if source is None:
        raise PackageError(
            "this is a difference, which means nothing without its source",
            "Name the image that it starts from with --from.",
        )
    if len(source) != head.source_size or hashlib.sha256(source).digest() != head.source_sha256:
        raise PackageError(
            "this difference starts from another image",
            f"It needs the one of {head.source_size} bytes with the SHA-256 "
            f"{head.source_sha256.hex()}.",
        )


def _damaged(cause: str) -> PackageError:
    return PackageError(cause, _DAMAGED)


class _Inflated:
    """What the zlib stream inflates to, never more of it in memory than a piece."""

    def __init__(self, package: bytes, window: int) -> None:
        stream = memoryview(package)[HEAD_SIZE:]
        if len(stream) < 2 or stream[0] != (window - 8) << 4 | 8:
            raise _damaged("its head states another window than its stream begins with")
        if stream[1] & 0x20:
            raise _damaged("its head is followed by a stream that wants a dictionary")
        self._inflate = zlib.decompressobj(window)
        self._stream = stream
        self._taken = 0
        self._came: deque[int] = deque(maxlen=_PIECES)  # what came out of the last pieces
        self._ready = b""
        self._at = 0

    def _more(self) -> bool:
        # What the next piece brings (64 KiB at most); False at the stream's own end.
        if self._inflate.eof:
            return False
        if self._taken >= len(self._stream):
            raise _damaged("its stream is damaged: it ends early")
        try:
            self._ready = self._inflate.decompress(
                self._stream[self._taken : self._taken + _PIECE]
            )
        except zlib.error as exc:
            raise _damaged(f"its stream is damaged ({exc})") from None
        self._taken += _PIECE
        self._at = 0
        self._came.append(len(self._ready))
        if len(self._came) == _PIECES and sum(self._came) < _LEAST and not self._inflate.eof:
            raise _damaged(
                f"its stream is damaged: {_PIECE * _PIECES} bytes of it make "
                f"{sum(self._came)}, and a board has no room for more at a time"
            )
        return True

    def _ended(self) -> bool:
        while self._at == len(self._ready):
            if not self._more():
                return True
        return False

    def read(self, count: int) -> bytes:
        """Exactly so many bytes."""
        out = bytearray()
        while len(out) < count:
            if self._ended():
                raise _damaged("it ends before its image")
            part = self._ready[self._at : self._at + count - len(out)]
            self._at += len(part)
            out += part
        return bytes(out)

    def byte(self) -> int:
        """The next byte."""
        if self._at == len(self._ready):
            return self.read(1)[0]
        value = self._ready[self._at]
        self._at += 1
        return value

    def end(self) -> None:
        """The stream has to be over here, and the file with it."""
        if not self._ended():
            raise _damaged("it goes on behind its image")
        behind = len(self._inflate.unused_data) + max(0, len(self._stream) - self._taken)
        if behind:
            raise _damaged(f"{behind} bytes of data behind its stream")


@dataclass
class _Rebuilt:
    """The image as the operations make it; without the source they are followed, no more."""

    size: int
    source_size: int
    source: bytes | None = None
    image: bytearray = field(default_factory=bytearray)  # stays empty without the source
    made: int = 0  # bytes of the image
    position: int = 0  # in the source
    seeks: int = 0  # in a row

    def run(self, stream: _Inflated) -> bytes:
        """Do operations until the image is complete."""
        while self.made < self.size:
            value = _number(stream)
            op, count = value & 3, value >> 2
            if op == SEEK:
                self._seek(-(count >> 1) - 1 if count & 1 else count >> 1)
                continue
            self.seeks = 0
            if not count:
                raise _damaged("an operation on nothing")
            if count > self.size - self.made:
                raise _damaged("it goes on behind its image: an operation does")
            new = stream.read(count) if op == INSERT else self._of_source(op, count, stream)
            if self.source is not None:
                self.image += new
            self.made += count
        return bytes(self.image)

    def _seek(self, by: int) -> None:
        self.position += by
        self.seeks += 1
        if self.seeks > SEEKS_MAX:
            raise _damaged("it moves in its source and does nothing, too often in a row")
        if not 0 <= self.position <= self.source_size:
            raise _damaged("it leaves its source: an operation moves there")

    def _of_source(self, op: int, count: int, stream: _Inflated) -> bytes:
        if count > self.source_size - self.position:
            raise _damaged("it leaves its source: an operation reads behind it")
        start = self.position
        self.position += count
        assert op in (COPY, ADD)
        new = stream.read(count) if op == ADD else b""
        if self.source is None:
            return new
        old = self.source[start : self.position]
        if op == COPY:
            return old
        return bytes((a + b) & 0xFF for a, b in zip(old, new, strict=True))


def _number(stream: _Inflated) -> int:
    value = 0
    for shift in range(0, 7 * NUMBER_BYTES, 7):
        byte = stream.byte()
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >= NUMBER_END:
                break
            return value
    raise _damaged("a number beyond 30 bits")
