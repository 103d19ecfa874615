# What the first bytes of an ESP32 image tell. MIT licence.
#
# The gate before the first erase: a wrong file is named and explained (image_bad.py) while the
# slot still holds what it held. Offsets are ESP-IDF's esp_image_header_t,
# esp_image_segment_header_t and esp_app_desc_t; the bootloader's own check (checksum, appended
# hash) runs in Slot.activate().

import esp32
from micropython import const

from .. import parts

_HEAD_SIZE = const(36)  # header, first segment header, magic of the application description

_MAGIC = const(0xE9)
_SEGMENTS_MAX = const(16)


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
    length = head[28] | head[29] << 8 | head[30] << 16 | head[31] << 24
    # An application has the magic 0xABCD5432 of its description at offset 32; no other image has.
    if (
        size < _HEAD_SIZE
        or head[0] != _MAGIC
        or head[12] | head[13] << 8 != chip
        or (head[32] << 8 | head[33], head[34] << 8 | head[35]) != (0x3254, 0xCDAB)
        or not 0 < head[1] <= _SEGMENTS_MAX
        or length % 4
        or not 0 < length <= size - 32
    ):
        raise parts.ask("job.image_bad", "error", head, size, chip)
