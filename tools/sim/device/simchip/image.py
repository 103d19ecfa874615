# What the ESP32 boot code checks of an app image (ESP-IDF: esp_image_format.c). MIT licence.
#
# Runs under CPython (boot ROM: verify(..., boot=True)) and MicroPython (Partition.set_boot). It
# shares nothing with tools/image.py: two implementations that check each other.

import hashlib
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:  # for mypy; MicroPython has no such module
    from collections.abc import Callable

CHIP_ID_ESP32 = 0
REVISION = 300  # v3.0, as full revision number

_MAGIC = 0xE9
_MAX_SEGMENTS = 16
_MMU_PAGE = 0x10000
_STEP = 1024

# ESP32 address regions (soc.h) and the memory of the running bootloader (bootloader.ld).
_DROM = (0x3F400000, 0x3F800000)
_IROM = (0x400D0000, 0x40400000)
_DRAM = (0x3FFAE000, 0x40000000)
_IRAM = (0x40080000, 0x400AA000)
_RTC = ((0x3FF80000, 0x3FF82000), (0x400C0000, 0x400C2000), (0x50000000, 0x50002000))
_BOOTLOADER_DATA = (0x3FFF0000, 0x3FFF4000)


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
    head = read(address, 24)
    if head[0] != _MAGIC:
        return "invalid magic byte 0x%02x (nothing flashed here?)" % head[0]
    chip_id, _, min_rev, max_rev = struct.unpack("<HBHH", head[12:19])
    if chip_id != CHIP_ID_ESP32:
        return "mismatch chip ID, expected %d, found %d" % (CHIP_ID_ESP32, chip_id)
    if min_rev > REVISION or (max_rev not in (0, 0xFFFF) and max_rev < REVISION):
        return "chip revision %d is outside of %d..%d" % (REVISION, min_rev, max_rev)
    if head[1] > _MAX_SEGMENTS:
        return "segment count %d exceeds max %d" % (head[1], _MAX_SEGMENTS)
    hashed = head[23] == 1
    digest = hashlib.sha256(head)
    folded = 0
    at = 24
    for index in range(head[1]):
        if at + 8 > room:
            return "segment %d lies outside of the partition" % index
        part = read(address + at, 8)
        digest.update(part)
        load, length = struct.unpack("<II", part)
        at += 8
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
            folded ^= int.from_bytes(chunk, "little")
            at += len(chunk)
    length = (at + 16) & ~15
    if length + (32 if hashed else 0) > room:
        return "image length %d doesn't fit in partition length %d" % (length, room)
    tail = read(address + at, length - at)
    digest.update(tail)
    checksum = 0xEF
    for byte in folded.to_bytes(_STEP, "little"):
        checksum ^= byte
    if tail[-1] != checksum:
        return "checksum failed, calculated 0x%02x read 0x%02x" % (checksum, tail[-1])
    if hashed and digest.digest() != bytes(read(address + length, 32)):
        return "image hash failed - image is corrupt"
    return None
