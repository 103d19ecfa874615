# The app image, byte by byte, and what the ESP32 boot code checks of it (ESP-IDF:
# esp_image_format.c). MIT licence.
#
# Runs under CPython and, in the sim, under MicroPython: nothing but struct and hashlib. How an
# image lies in memory stands here alone; header.py reads the same to tell a person all that is
# wrong with a file, verify() is as short-spoken as the boot ROM.

import hashlib
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:  # for mypy; MicroPython has no such module
    from collections.abc import Callable

MAGIC = 0xE9
HEADER_SIZE = 24
SEGMENT_HEADER_SIZE = 8
MAX_SEGMENTS = 16
HASH_SIZE = 32
CHECKSUM_SEED = 0xEF

CHIP_ID_ESP32 = 0
REVISION = 300  # v3.0, as full revision number

_MMU_PAGE = 0x10000
_STEP = 1024

# ESP32 address regions (soc.h) and the memory of the running bootloader (bootloader.ld).
_DROM = (0x3F400000, 0x3F800000)
_IROM = (0x400D0000, 0x40400000)
_DRAM = (0x3FFAE000, 0x40000000)
_IRAM = (0x40080000, 0x400AA000)
_RTC = ((0x3FF80000, 0x3FF82000), (0x400C0000, 0x400C2000), (0x50000000, 0x50002000))
_BOOTLOADER_DATA = (0x3FFF0000, 0x3FFF4000)


def chip_id(head: bytes) -> int:
    """Which chip the image is for, by the header's 24 bytes (chips.py has the names)."""
    return head[12] | head[13] << 8


def revisions(head: bytes) -> "tuple[int, int]":
    """The chip's lowest and highest revision that the image runs on; 0 or 0xFFFF: no highest."""
    return head[15] | head[16] << 8, head[17] | head[18] << 8


def has_hash(head: bytes) -> bool:
    """Whether a SHA-256 follows the image."""
    return head[23] == 1


def segment(part: bytes) -> "tuple[int, int]":
    """(load address, bytes) of a segment, from the 8 bytes before it."""
    address, size = struct.unpack("<II", part)
    return address, size


def body_end(at: int) -> int:
    """Where the body ends whose last segment ends at `at`: its checksum is the last byte of a row
    of 16."""
    return (at + 16) & ~15


def fold(folded: int, data: bytes) -> int:
    """One more piece of the segments for checksum(); pieces have 1024 bytes, the last may have
    fewer."""
    return folded ^ int.from_bytes(data, "little")


def checksum(folded: int) -> int:
    """XOR of every byte of every segment, of what fold() made of them."""
    found = CHECKSUM_SEED
    for byte in folded.to_bytes(_STEP, "little"):
        found ^= byte
    return found


def _within(region: "tuple[int, int]", start: int, end: int) -> bool:
    return region[0] <= start and end <= region[1]


def _load_fault(start: int, end: int) -> "str | None":
    # Only the bootloader itself asks: may this segment be loaded while it runs?
    if _within(_DRAM, start, end):
        if start < _BOOTLOADER_DATA[1] and end > _BOOTLOADER_DATA[0]:
            return "overlaps bootloader data"
        return None
    if _within(_IRAM, start, end) or any(_within(region, start, end) for region in _RTC):
        return None
    return "bad load address range"


def verify(
    read: "Callable[[int, int], bytes]", address: int, room: int, boot: bool = False
) -> "str | None":
    """None when the image at flash `address` may run, else the reason it may not (str).

    read(address, length) -> bytes; room: bytes of the partition. boot=True adds the check that
    only the bootloader makes, of the addresses it loads to: a merged firmware.bin (which starts
    with a bootloader) passes set_boot() and fails here.
    """
    head = read(address, HEADER_SIZE)
    if head[0] != MAGIC:
        return "invalid magic byte 0x%02x (nothing flashed here?)" % head[0]
    chip = chip_id(head)
    min_rev, max_rev = revisions(head)
    if chip != CHIP_ID_ESP32:
        return "mismatch chip ID, expected %d, found %d" % (CHIP_ID_ESP32, chip)
    if min_rev > REVISION or (max_rev not in (0, 0xFFFF) and max_rev < REVISION):
        return "chip revision %d is outside of %d..%d" % (REVISION, min_rev, max_rev)
    if head[1] > MAX_SEGMENTS:
        return "segment count %d exceeds max %d" % (head[1], MAX_SEGMENTS)
    hashed = has_hash(head)
    digest = hashlib.sha256(head)
    folded = 0
    at = HEADER_SIZE
    for index in range(head[1]):
        if at + SEGMENT_HEADER_SIZE > room:
            return "segment %d lies outside of the partition" % index
        part = read(address + at, SEGMENT_HEADER_SIZE)
        digest.update(part)
        load, length = segment(part)
        at += SEGMENT_HEADER_SIZE
        mapped = _DROM[0] <= load < _DROM[1] or _IROM[0] <= load < _IROM[1]
        if length % 4 or length >= 0x1000000:
            return "segment %d has invalid length 0x%x" % (index, length)
        if mapped and (address + at) % _MMU_PAGE != load % _MMU_PAGE:
            return "segment %d load address 0x%08x doesn't match data" % (index, load)
        if boot and not mapped and load >= 0x10000000 and length:
            fault = _load_fault(load, load + length)
            if fault:
                return "segment %d 0x%08x-0x%08x invalid: %s" % (index, load, load + length, fault)
        if at + length > room:
            return "segment %d lies outside of the partition" % index
        end = at + length
        while at < end:
            chunk = read(address + at, min(_STEP, end - at))
            digest.update(chunk)
            folded = fold(folded, chunk)
            at += len(chunk)
    length = body_end(at)
    if length + (HASH_SIZE if hashed else 0) > room:
        return "image length %d doesn't fit in partition length %d" % (length, room)
    tail = read(address + at, length - at)
    digest.update(tail)
    found = checksum(folded)
    if tail[-1] != found:
        return "checksum failed, calculated 0x%02x read 0x%02x" % (found, tail[-1])
    if hashed and digest.digest() != bytes(read(address + length, HASH_SIZE)):
        return "image hash failed - image is corrupt"
    return None
