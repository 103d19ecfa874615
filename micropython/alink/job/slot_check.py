# Slot behind a download: the image read back, hashed, and made the one that boots. MIT licence.
#
# One finish() reads one flash block: that is the bound that poll() documents.

import hashlib

from micropython import const

from .. import parts
from ..errors import AlinkError

_E_READ_BACK = const(61)
_E_BOOT_REFUSED = const(67)
_E_FLASH = const(81)

_BLOCK = const(4096)
_ERASE = const(6)  # of Partition.ioctl()
_VALIDATE_FAILED = const(-5379)  # ESP_ERR_OTA_VALIDATE_FAILED out of set_boot()


def finish(slot):
    """See Slot.finish()."""
    if slot.at != slot.size:
        raise AlinkError(_E_READ_BACK, "%d of %d bytes" % (slot.at, slot.size))
    if slot.block is None:
        slot.block = bytearray(_BLOCK)  # see room.free()
    at = slot.checked
    if not at:
        slot.found = getattr(hashlib, slot.method)()
        _erase_behind(slot)
    try:
        slot.part.readblocks(at // _BLOCK, slot.block, 0)
    except OSError as e:
        slot.fault(at // _BLOCK, e)
    n = slot.size - at
    if n > _BLOCK:
        slot.found.update(slot.block)
        slot.checked = at + _BLOCK
        return False
    slot.found.update(memoryview(slot.block)[:n])
    if slot.found.digest() != slot.digest:
        raise AlinkError(_E_READ_BACK)
    return True


def _erase_behind(slot):
    # An older image's volume must not seem to be this one's application.
    behind = (slot.size + _BLOCK - 1) // _BLOCK
    if (behind + 1) * _BLOCK <= slot.part.info()[3]:
        try:
            slot.part.readblocks(behind, slot.block, 0)
            for byte in slot.block:
                if byte != 0xFF:
                    slot.part.ioctl(_ERASE, behind)
                    break
        except OSError as e:
            slot.fault(behind, e)


def activate(slot):
    """Make the slot the one that boots next, on trial. Raises AlinkError NO_APPLICATION or
    BOOT_REFUSED.
    """
    parts.ask("job.volume", "check", slot.part)
    try:
        slot.part.set_boot()
    except OSError as e:
        if e.errno == _VALIDATE_FAILED:
            raise AlinkError(_E_BOOT_REFUSED) from None
        raise AlinkError(_E_FLASH, "otadata: %s" % e) from None
