"""Small ESP32 images for tests: valid by the rules of ESP-IDF and esptool, and broken on purpose.

The form is ESP-IDF's app image ("App Image Format"): a 24-byte header, segments of an 8-byte
header (load address, length) and data, zeros so that the checksum byte is the last of a 16-byte
row, then the SHA-256 of everything before it.
"""

import hashlib
import random
import struct
from collections.abc import Sequence

CHIP_ESP32 = 0
CHIP_ESP32S2 = 2
CHIP_ESP32C3 = 5
CHIP_ESP32S3 = 9

APP_DESC_MAGIC = 0xABCD5432
DROM, DRAM, IRAM, IROM = 0x3F400000, 0x3FFB0000, 0x40080000, 0x400D0000
APP_REGIONS = (DROM, DRAM, IRAM, IROM)

# Where ESP-IDF's ESP32 bootloader itself is loaded: data, loader code, code.
BOOTLOADER_REGIONS = (0x3FFF0030, 0x40078000, 0x40080400)

MERGED_TABLE_AT = 0x7000  # in a merged file, which starts at flash address 0x1000
MERGED_APP_AT = 0xF000


def app_description(version: str = "", project: str = "", elf_sha: bytes = bytes(32)) -> bytes:
    """The 256-byte app description that is the start of an app's first segment."""
    return struct.pack(
        "<II8x32s32s16s16s32s32s80x",
        APP_DESC_MAGIC,
        0,
        version.encode(),
        project.encode(),
        b"12:00:00",
        b"Jan  1 2026",
        b"v5.4.2",
        elf_sha,
    )


def build(
    segments: Sequence[tuple[int, bytes]],
    *,
    chip_id: int = CHIP_ESP32,
    magic: int = 0xE9,
    segment_count: int | None = None,
    hash_appended: bool = True,
    min_rev: int = 0,
    max_rev: int = 0xFFFF,
) -> bytes:
    """An image of these (load address, data) segments; data lengths are multiples of 4.

    segment_count overrides the header's count, for images that lie about it.
    """
    count = len(segments) if segment_count is None else segment_count
    out = bytearray(struct.pack("<BBBBI", magic, count, 2, 0x20, 0x40081234))
    out += struct.pack("<BBBBHBHH4xB", 0xEE, 0, 0, 0, chip_id, 0, min_rev, max_rev, hash_appended)
    checksum = 0xEF
    for address, data in segments:
        if len(data) % 4:
            raise ValueError(f"segment of {len(data)} bytes: the length must be a multiple of 4")
        out += struct.pack("<II", address, len(data)) + data
        for byte in data:
            checksum ^= byte
    out += bytes(15 - len(out) % 16)
    out.append(checksum)
    if hash_appended:
        out += hashlib.sha256(out).digest()
    return bytes(out)


def make_image(
    size: int = 65536,
    chip_id: int = CHIP_ESP32,
    segments: int = 4,
    *,
    seed: int = 1,
    version: str = "",
    hash_appended: bool = True,
    min_rev: int = 0,
    max_rev: int = 0xFFFF,
) -> bytes:
    """A valid app image of exactly `size` bytes (a multiple of 16) with that many segments.

    Content is pseudo-random by `seed`: two seeds give two images, also in their ELF SHA-256.
    Flash-mapped segments have the load address that their place in the file asks for.
    """
    body = size - (32 if hash_appended else 0)
    data_bytes = body - 24 - 8 * segments - 4  # 3 bytes of padding and the checksum
    if size % 16 or segments < 1 or data_bytes < 256 + 4 * (segments - 1):
        raise ValueError(f"no image of {size} bytes with {segments} segments (multiple of 16?)")
    noise = random.Random(seed)
    small = min(1024, (data_bytes - 256) // (4 * segments) * 4) if segments > 1 else 0
    first = data_bytes - small * (segments - 1)
    parts: list[tuple[int, bytes]] = []
    offset = 24
    for index in range(segments):
        region = APP_REGIONS[index % 4]
        length = small if index else first
        data = noise.randbytes(length)
        if index == 0:
            data = app_description(version, elf_sha=noise.randbytes(32)) + data[256:]
        mapped = region in (DROM, IROM)
        address = region + (offset + 8) % 0x10000 if mapped else region + 0x1000 * (index // 4)
        parts.append((address, data))
        offset += 8 + length
    image = build(
        parts, chip_id=chip_id, hash_appended=hash_appended, min_rev=min_rev, max_rev=max_rev
    )
    assert len(image) == size
    return image


def make_bootloader(size: int = 24 * 1024, seed: int = 7) -> bytes:
    """A bootloader image: valid as a file, but loaded where the running bootloader is."""
    noise = random.Random(seed)
    part = (size - 24 - 8 * 3 - 4 - 32) // 3 // 4 * 4
    return build([(address, noise.randbytes(part)) for address in BOOTLOADER_REGIONS])


def make_merged(app: bytes) -> bytes:
    """A merged firmware.bin for ESP32: bootloader, partition table place, app (from 0x1000 on)."""
    boot = make_bootloader()
    return boot.ljust(MERGED_APP_AT, b"\xff") + app
