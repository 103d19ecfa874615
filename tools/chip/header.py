"""The ESP32 app image as a person is told of it: header, segments, checksum, appended SHA-256.

Layout: a 24-byte header (magic, segment count, ..., chip id at 12, "SHA-256 appended" at 23), then
per segment an 8-byte header (u32 load address, u32 length) and its data, then zeros so that the
checksum byte is the last of a 16-byte row, then 32 bytes of SHA-256 over all before it. The rules
are those that the ESP-IDF bootloader applies before it starts an image.
"""

import hashlib
import struct
from dataclasses import dataclass, field

from tools.chip import image
from tools.chip.chips import chip_by_id
from tools.chip.image import HASH_SIZE, HEADER_SIZE, MAGIC, MAX_SEGMENTS, SEGMENT_HEADER_SIZE
from tools.chip.nor import SECTOR

APP_DESC_OFFSET = HEADER_SIZE + SEGMENT_HEADER_SIZE
APP_DESC_MAGIC = 0xABCD5432


def round_up(size: int, unit: int = SECTOR) -> int:
    """The next multiple of `unit` bytes; of a sector, where images end: flash is erased so."""
    return -(-size // unit) * unit


@dataclass(frozen=True)
class Segment:
    """A part of the image: file offset of its data, load address in the chip, bytes of data."""

    offset: int
    address: int
    size: int


@dataclass(frozen=True)
class Image:
    """What parse_image() found; every field is as far as the walk came.

    `end` is the offset just after the image (hash included), 0 where the walk did not get there.
    `checksum_ok` and `hash_ok` are None where there is nothing to compare. `problems` is empty
    exactly when a bootloader would take the image.
    """

    chip_id: int = -1
    chip: str | None = None
    segments: tuple[Segment, ...] = ()
    end: int = 0
    has_hash: bool = False
    has_app_descriptor: bool = False
    checksum_ok: bool | None = None
    hash_ok: bool | None = None
    problems: tuple[str, ...] = field(default=())


def is_app(data: bytes) -> bool:
    """True when an ESP32 *app* image starts here (a bootloader has the same magic byte)."""
    if len(data) < APP_DESC_OFFSET + 4 or data[0] != MAGIC:
        return False
    (magic,) = struct.unpack_from("<I", data, APP_DESC_OFFSET)
    return bool(magic == APP_DESC_MAGIC)


def parse_image(data: bytes) -> Image:
    """Walk the image at the start of `data` (which may go on after it) and verify it.

    Never raises for bad content: what is wrong is in `problems`, in the order it was found.
    """
    if len(data) < HEADER_SIZE:
        return Image(problems=(f"too short: {len(data)} bytes, the header alone has 24",))
    if data[0] != MAGIC:
        return Image(problems=(f"wrong magic byte 0x{data[0]:02x} (an image starts with 0xe9)",))
    problems: list[str] = []
    count = data[1]
    chip_id = image.chip_id(data)
    chip = chip_by_id(chip_id)
    if chip is None:
        problems.append(f"unknown chip id {chip_id}")
    if data[23] > 1:
        problems.append(f"wrong hash flag 0x{data[23]:02x} (0 or 1 expected)")
    has_hash = image.has_hash(data)
    if not 1 <= count <= MAX_SEGMENTS:
        problems.append(f"{count} segments (1 to {MAX_SEGMENTS} are allowed)")
    segments, position, torn = _walk(data, count)
    problems += torn
    checksum_ok: bool | None = None
    hash_ok: bool | None = None
    end = 0
    if not torn:
        body_end = image.body_end(position)
        end = body_end + (HASH_SIZE if has_hash else 0)
        if end > len(data):
            problems.append(f"truncated: the image has {end} bytes, here are {len(data)}")
            end = 0
        else:
            checksum_ok = data[body_end - 1] == _checksum(data, segments)
            if not checksum_ok:
                problems.append("wrong checksum: the content was changed or damaged")
            if has_hash:
                digest = hashlib.sha256(memoryview(data)[:body_end]).digest()
                hash_ok = data[body_end:end] == digest
                if not hash_ok:
                    problems.append("wrong SHA-256: the content was changed or damaged")
    return Image(
        chip_id=chip_id,
        chip=chip.name if chip else None,
        segments=tuple(segments),
        end=end,
        has_hash=has_hash,
        has_app_descriptor=is_app(data),
        checksum_ok=checksum_ok,
        hash_ok=hash_ok,
        problems=tuple(problems),
    )


def _walk(data: bytes, count: int) -> tuple[list[Segment], int, list[str]]:
    """The segments, the offset after the last one, and why the walk ended early (or nothing)."""
    segments: list[Segment] = []
    position = HEADER_SIZE
    for index in range(count):
        start = position + SEGMENT_HEADER_SIZE
        if start > len(data):
            return segments, position, [f"truncated: the header of segment {index} is missing"]
        address, size = image.segment(data[position:start])
        if size % 4:
            return segments, position, [f"segment {index} has {size} bytes (not whole words)"]
        if start + size > len(data):
            have = len(data) - start
            return segments, position, [f"truncated: segment {index}: {have} of {size} bytes"]
        segments.append(Segment(start, address, size))
        position = start + size
    return segments, position, []


def _checksum(data: bytes, segments: list[Segment]) -> int:
    """XOR of every byte of every segment, as the bootloader computes it."""
    folded = 0
    for segment in segments:
        end = segment.offset + segment.size
        for at in range(segment.offset, end, 1024):
            folded = image.fold(folded, data[at : min(at + 1024, end)])
    return image.checksum(folded)
