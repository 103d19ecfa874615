# Does an image bring an application? Asked before it is made the one that boots. MIT licence.
#
# A stock firmware is a right image, boots, and does nothing: it would fail its trial after minutes
# in which the board is away.

import struct

import esp32
from micropython import const

from ..errors import AlinkError

_E_NO_APPLICATION = const(69)
_E_FLASH = const(81)


def check(part):
    """Raise AlinkError NO_APPLICATION if the image in `part` has none and the running one has.

    part: esp32.Partition. (Where all is frozen into the firmware, the running one has none.)
    """
    try:
        if not _has(part) and _has(esp32.Partition(esp32.Partition.RUNNING)):
            raise AlinkError(_E_NO_APPLICATION)
    except OSError as e:
        raise AlinkError(_E_FLASH, "reading images: %s" % e) from None


def _has(part):
    # A LittleFS behind the image, as boot.py looks for it: header, segments, checksum, hash.
    size = part.info()[3]
    head = bytearray(24)
    part.readblocks(0, head, 0)
    at = 24
    length = bytearray(4)
    for _ in range(head[1]):
        part.readblocks((at + 4) // 4096, length, (at + 4) % 4096)
        at += 8 + struct.unpack("<I", length)[0]
        if at >= size:
            return False
    at = (at + 16) & ~15
    if head[23] == 1:
        at += 32
    at = (at + 4095) & ~4095
    if at + 4096 > size:
        return False
    part.readblocks(at // 4096, head, 0)
    return head[8:16] == b"littlefs"
