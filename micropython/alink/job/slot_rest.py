# Slot: what a reset has left is read back, and what no download needs while it moves. MIT licence.
#
# One recall() reads one flash block: that is the bound that poll() documents.

from micropython import const

from ..errors import AlinkError

_E_JOB_FORM = const(20)
_E_FLASH = const(81)

_BLOCK = const(4096)


def take(slot, version, index, name, count):
    """See Target.take()."""
    if count > 1:
        raise AlinkError(_E_JOB_FORM, "several files")


def drop(slot):
    """Let go of what is large; see Target.drop()."""
    slot.spare = slot.block = slot.inflate = slot.ring = slot.out = None
    slot.theirs = None  # (For the most part what packed.py has made.)


def begin_check(slot, size, method, digest, block):
    """As begin(), for an image that is in the slot already: only finish() and activate()."""
    slot.begin(size, method, digest, block)
    slot.at = size


def fault(slot, block, error):
    """What a write has raised (OSError), by its name."""
    raise AlinkError(_E_FLASH, "block %d: %s" % (block, error))


def recall(slot, block):
    """Read the next 4096 bytes that were written before a reset, instead of writing them.

    block: bytearray of 4096. Raises AlinkError FLASH.
    """
    try:
        slot.part.readblocks(slot.at // _BLOCK, block, 0)
    except OSError as e:
        fault(slot, slot.at // _BLOCK, e)
    slot.at += _BLOCK
