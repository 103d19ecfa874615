# What the first bytes of an ESP32 image tell. MIT licence.
#
# The gate before the first erase: a wrong file is named and explained while the slot still holds
# what it held. Offsets are ESP-IDF's esp_image_header_t, esp_image_segment_header_t and
# esp_app_desc_t; the bootloader's own check (checksum, appended hash) runs in Slot.activate().

import esp32
from micropython import const

from ..errors import AlinkError

_E_IMAGE_MAGIC = const(62)
_E_IMAGE_MERGED = const(63)
_E_IMAGE_CHIP = const(64)
_E_IMAGE_SEGMENTS = const(65)

_HEAD_SIZE = const(36)  # header, first segment header, magic of the application description

_MAGIC = const(0xE9)
_SEGMENTS_MAX = const(16)

_CHIPS = {0: "ESP32", 2: "ESP32-S2", 5: "ESP32-C3", 9: "ESP32-S3", 12: "ESP32-C2", 13: "ESP32-C6"}
_KNOWN_FILES = (
    (b"\x1f\x8b", "a gzip file"),
    (b"PK", "a zip file"),
    (b"\x7fELF", "an ELF file"),
    (b"<", "a web page or XML"),
    (b"{", "JSON text"),
    (b"\xff\xff", "blank, or a flash dump from address 0"),
)


def look(slot, block, size):
    """See Slot: is it an application image for this chip? Raises AlinkError IMAGE_*."""
    mine = bytearray(16)
    esp32.Partition(esp32.Partition.RUNNING).readblocks(0, mine, 0)
    check(block, size, mine[12] | mine[13] << 8)


def check(head, size, chip):
    """Raise AlinkError unless `head` begins an application image for this board.

    head: buffer of at least _HEAD_SIZE bytes, the first of the download. size: int, bytes of the
    download. chip: int, the chip id of the image that runs. Raises IMAGE_MAGIC, IMAGE_MERGED,
    IMAGE_CHIP or IMAGE_SEGMENTS.
    """
    if size < _HEAD_SIZE:
        raise AlinkError(_E_IMAGE_MAGIC, "%d bytes" % size)
    if head[0] != _MAGIC:
        for magic, name in _KNOWN_FILES:
            if bytes(head[: len(magic)]) == magic:
                raise AlinkError(_E_IMAGE_MAGIC, name)
        raise AlinkError(_E_IMAGE_MAGIC, "starts with 0x%02x" % head[0])
    theirs = head[12] | head[13] << 8
    if theirs != chip:
        raise AlinkError(_E_IMAGE_CHIP, "%s, this is %s" % (_name(theirs), _name(chip)))
    # A merged firmware begins with a valid bootloader image: the digest, the read-back and
    # set_boot() would all pass, and only the bootloader would refuse it, after the reset.
    # An application has the magic 0xABCD5432 of its description at offset 32; no other image has.
    if head[32] != 0x32 or head[33] != 0x54 or head[34] != 0xCD or head[35] != 0xAB:
        raise AlinkError(_E_IMAGE_MERGED)
    if not 0 < head[1] <= _SEGMENTS_MAX:
        raise AlinkError(_E_IMAGE_SEGMENTS, "%d segments" % head[1])
    length = head[28] | head[29] << 8 | head[30] << 16 | head[31] << 24
    if length % 4 or not 0 < length <= size - 32:
        raise AlinkError(_E_IMAGE_SEGMENTS, "segment of %d bytes" % length)


def _name(chip):
    return _CHIPS.get(chip) or "chip %d" % chip
