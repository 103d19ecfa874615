"""Two images -> the operations that make the second of the first, by detools' bsdiff.

detools' own container has no form in which what stays costs nothing, so its data is taken apart:
parts of the source with small changes (a sum for each byte), new bytes, and jumps in the source.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

from tools.release.package_format import ADD, COPY, INSERT, operation, seek

# Shorter runs of what stays are zeros in a sum: they pack as well, and an operation takes a board
# longer than 64 bytes do. From 1.26.1 to 1.27 eight would make 78,000 of them, this makes 17,000.
_STAYS = re.compile(rb"\0{64,}")


def operations(image: bytes, source: bytes) -> bytes:
    """The stream of operations, not compressed yet. Takes seconds for a firmware."""
    out = bytearray()
    at = 0  # where the source position is
    wanted = 0  # and where the next read has to be
    for sums, new, jump in _parts(image, source):
        if sums:
            if wanted != at:
                out += seek(wanted - at)
            out += _changed(sums)
            at = wanted = wanted + len(sums)
        if new:
            out += operation(INSERT, len(new), new)
        wanted += jump
    return bytes(out)


def _changed(sums: bytes) -> bytes:
    # What stays is copied, the rest is added.
    out = bytearray()
    at = 0
    for stays in _STAYS.finditer(sums):
        if stays.start() > at:
            out += operation(ADD, stays.start() - at, sums[at : stays.start()])
        out += operation(COPY, stays.end() - stays.start())
        at = stays.end()
    if at < len(sums):
        out += operation(ADD, len(sums) - at, sums[at:])
    return bytes(out)


def _parts(image: bytes, source: bytes) -> Iterator[tuple[bytes, bytes, int]]:
    """(sums, new bytes, jump in the source), one after the other, of a detools patch.

    A sequential patch without compression: its kind, the image's size, the size of a part that
    is for other processors (0), then for each part the three, each after its size.
    """
    import detools  # slow to load

    made = io.BytesIO()
    detools.create_patch(
        io.BytesIO(source),
        io.BytesIO(image),
        made,
        compression="none",
        patch_type="sequential",
        use_mmap=False,
    )
    patch = io.BytesIO(made.getvalue())
    if patch.read(1) != b"\0" or _size(patch) != len(image) or _size(patch) != 0:
        raise RuntimeError("detools' patches have another form than the pinned release's")
    done = 0
    while done < len(image):
        sums = patch.read(_size(patch))
        new = patch.read(_size(patch))
        yield sums, new, _size(patch)
        done += len(sums) + len(new)


def _size(patch: io.BytesIO) -> int:
    # Six bits and a sign, then seven bits a byte, the low ones first.
    (byte,) = patch.read(1)
    negative, value, shift = byte & 0x40, byte & 0x3F, 6
    while byte & 0x80:
        (byte,) = patch.read(1)
        value |= (byte & 0x7F) << shift
        shift += 7
    return -value if negative else value
