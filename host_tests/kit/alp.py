"""Packages (.alp) for tests, good and bad ones, made from docs/package.md alone.

Nothing of tools/release is in it, so that what tests send is judged by other eyes than the desk's.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable

COPY, ADD, INSERT, SEEK = range(4)
HEAD = 80

Op = tuple[int, int, bytes]  # what to do, its n, the bytes that follow


def head(kind: int, image: bytes, source: bytes = b"", window: int = 10) -> bytes:
    """The 80 bytes in front of the stream."""
    out = b"\x89ALP" + bytes([1, kind, window, 0])
    for one in (image, source):
        out += struct.pack("<I", len(one)) + (hashlib.sha256(one).digest() if one else bytes(32))
    return out


def stream(data: bytes, window: int = 10, level: int = 9) -> bytes:
    """`data` as a zlib stream. (One for 9 bits looks back 250 bytes: that is one for 8.)"""
    packer = zlib.compressobj(level, zlib.DEFLATED, max(window, 9))
    made = packer.compress(data) + packer.flush()
    if window > 8:
        return made
    return bytes([8, next(n for n in range(32) if (2048 + n) % 31 == 0)]) + made[2:]


def number(v: int) -> bytes:
    """LEB128: seven bits a byte, low ones first."""
    out = b""
    while v >= 128:
        out += bytes([v & 127 | 128])
        v >>= 7
    return out + bytes([v])


def seek(by: int) -> Op:
    """The operation that moves the source position by so much."""
    return SEEK, by * 2 if by >= 0 else (-by - 1) * 2 + 1, b""


def script(ops: Iterable[Op]) -> bytes:
    """Operations as the stream of a difference inflates to them."""
    return b"".join(number(n << 2 | op) + data for op, n, data in ops)


def played(ops: Iterable[Op], source: bytes) -> bytes:
    """What operations make of a source."""
    image = bytearray()
    at = 0
    for op, n, data in ops:
        if op == SEEK:
            at += -(n >> 1) - 1 if n & 1 else n >> 1
            continue
        old = source[at : at + n]
        if op == COPY:
            image += old
        elif op == ADD:
            image += bytes((a + b) & 255 for a, b in zip(old, data, strict=True))
        else:
            image += data
            continue
        at += n
    return bytes(image)


def operations(image: bytes, source: bytes) -> list[Op]:
    """Operations for two images that have most in the same places."""
    ops: list[Op] = []
    both = min(len(image), len(source))
    at = 0
    while at < both:
        end = at
        while end < both and image[end] == source[end]:
            end += 1
        if end > at:
            ops.append((COPY, end - at, b""))
            at = end
            continue
        while end < both and image[end : end + 8] != source[end : end + 8]:
            end += 1
        sums = bytes((a - b) & 255 for a, b in zip(image[at:end], source[at:end], strict=True))
        ops.append((ADD, end - at, sums))
        at = end
    if both < len(image):
        ops.append((INSERT, len(image) - both, image[both:]))
    return ops


def compressed(image: bytes, window: int = 10, level: int = 9) -> bytes:
    """A package of kind 1."""
    return head(1, image, window=window) + stream(image, window, level)


def difference(
    image: bytes, source: bytes, window: int = 10, ops: Iterable[Op] | None = None
) -> bytes:
    """A package of kind 2; by the operations `ops` where they are given."""
    ops = operations(image, source) if ops is None else ops
    return head(2, image, source, window) + stream(script(ops), window)
