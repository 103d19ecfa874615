# Slot when a download begins: the partition is found. MIT licence.

import esp32
from micropython import const

from ..errors import AlinkError
from ..trial import running

_E_ON_TRIAL = const(26)
_E_TOO_LARGE = const(66)
_E_NO_SLOT = const(80)

_BLOCK = const(4096)


def begin(slot, size, method, digest, block):
    """Get ready for an image; nothing is erased yet.

    size: int, bytes. method: "md5" or "sha256", digest: bytes, what flash must hold at the end.
    block: bytearray of 4096, used for reading back. Raises AlinkError ON_TRIAL, NO_SLOT or
    TOO_LARGE.
    """
    if running():
        # The other slot holds the only fallback.
        raise AlinkError(_E_ON_TRIAL)
    own = esp32.Partition(esp32.Partition.RUNNING)
    try:
        part = own.get_next_update()
    except OSError:
        part = own  # there is none
    info = part.info()
    if info[2] == own.info()[2]:
        # Cannot happen by ESP-IDF's rules; writing there would stop the program for good.
        raise AlinkError(_E_NO_SLOT)
    if size > info[3]:
        raise AlinkError(_E_TOO_LARGE, "%d bytes, slot %d" % (size, info[3]))
    slot.part = part
    slot.label = info[4]
    slot.method = method
    slot.digest = digest
    slot.block = block
    slot.size = size
    # bytes that are in flash; blocks
    slot.at = slot.written = slot.row = 0
    # (Not made where they are not needed: a Slot has as many as there is room for.)
    if slot.rest is not None:
        slot.rest = None
    if slot.holds is not None:
        slot.holds = None
