"""An image -> a package: compressed, or as the difference to an older image."""

from __future__ import annotations

import hashlib
import zlib

from tools.chip.nor import SECTOR
from tools.images.report import APP, APP_WITH_APPLICATION, MERGED, Report, examine
from tools.release.difference import operations
from tools.release.package_format import (
    COMPRESSED,
    DIFFERENCE,
    WINDOWS,
    Head,
    PackageError,
    is_package,
)
from tools.release.unpacking import unpack

# What fits the RAM of any board. A larger one saves 3 to 6 parts in a hundred of the bytes.
_WINDOW = WINDOWS[0]
_LEAST = 9  # bits that zlib makes streams for


def compress(image: bytes, window: int = _WINDOW) -> bytes:
    """The image, compressed. Verified: it unpacks to the image. window: bits."""
    head = Head(COMPRESSED, window, len(image), hashlib.sha256(image).digest())
    package = head.to_bytes() + _stream(image, window)
    _verify(package, image, None)
    return package


def difference(image: bytes, source: bytes, window: int = _WINDOW) -> bytes:
    """What makes the image of the source. Verified: it does. Takes seconds for a firmware.

    window: bits. Raises PackageError when there is no difference.
    """
    if image == source:
        raise PackageError("both images are the same", "There is nothing to update.")
    stream = _stream(operations(image, source), window)
    head = Head(
        DIFFERENCE,
        window,
        len(image),
        hashlib.sha256(image).digest(),
        len(source),
        hashlib.sha256(source).digest(),
    )
    package = head.to_bytes() + stream
    _verify(package, image, source)
    return package


def check_image(data: bytes, what: str) -> Report:
    """The report of an image that can be packed, or that a difference can start from.

    `what` names it in the refusal. Raises PackageError for what no slot can hold.
    """
    if is_package(data):
        raise PackageError(
            f"{what} is a package already", "Name the image that it was made of (release.bin)."
        )
    report = examine(data)
    if report.kind == MERGED:
        raise PackageError(f"{what} is a merged firmware file, which no slot holds", report.advice)
    if report.problems or report.kind not in (APP, APP_WITH_APPLICATION):
        why = report.problems[0] if report.problems else report.kind
        raise PackageError(
            f"{what} is not an image for a board: {why}",
            "Name a release as image.py build makes it.",
        )
    return report


def check_pair(image: Report, source: Report) -> None:
    """Raises PackageError for images of two kinds of chip."""
    if image.image.chip_id != source.image.chip_id:
        raise PackageError(
            f"the image is for {image.image.chip}, its source for {source.image.chip}",
            "A difference is made between releases of one board.",
        )


def blocks(image: bytes) -> int:
    """How many flash blocks an image takes."""
    return -(-len(image) // SECTOR)


def blocks_that_differ(image: bytes, source: bytes) -> int:
    """How many flash blocks of the image are not what the source has at the same place."""
    pieces = (image[at : at + SECTOR] for at in range(0, len(image), SECTOR))
    return sum(
        piece != source[number * SECTOR : number * SECTOR + len(piece)]
        for number, piece in enumerate(pieces)
    )


def _stream(data: bytes, window: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, max(window, _LEAST), 9)
    stream = packer.compress(data) + packer.flush()
    if window >= _LEAST:
        return stream
    # Of a window of 512 bytes zlib uses 250 to look back: its matches end 262 in front of that. So
    # what it makes for 9 bits is good for 8, and says so once its head does.
    head = window - 8 << 12 | 8 << 8 | stream[1] & 0xC0
    return (head + 31 - head % 31).to_bytes(2, "big") + stream[2:]


def _verify(package: bytes, image: bytes, source: bytes | None) -> None:
    if unpack(package, source) != image:
        raise RuntimeError("the package does not unpack to the image it was made of")
