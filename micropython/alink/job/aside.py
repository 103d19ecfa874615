# A package's block that is half made, while a connection is opened or an offer judged. MIT
# licence.
#
# Loaded for a moment each time.

from micropython import RingIO, const

from .. import parts
from ..errors import AlinkError

_BLOCK = const(4096)
_IN_FLASH = const(-1)  # of what comes again: see packed.py

_MOVE = const(8)
_CHECK = const(9)


def set_aside(download):
    """Before the block is wanted for something else: what is in it goes to its own place in flash,
    where nothing boots before all is there. Raises AlinkError FLASH.

    Not with the first block, which nobody has looked at: all begins again.
    """
    packed = download.packed
    if packed.filled and packed.again != _IN_FLASH:
        if not packed.at:
            parts.ask("job.checkpoint", "restart", download, "no block was whole")
            return
        # at: of a package, so much of the image flash holds of what is not written as a whole.
        if download.at != packed.at + packed.filled:
            _flash(packed, "writeblocks", download.block)
            download.at = packed.at + packed.filled
        packed.again = _IN_FLASH
    packed.out = None


def let_go(download):
    """The block goes, until buffers.again() makes it anew: what is in it is set aside. Not the
    first one, and not where flash does not take it: that has a name with the next write.
    """
    packed = download.packed
    if packed.filled and not packed.at:
        return
    try:
        set_aside(download)
    except AlinkError:
        return
    if download.source.block is download.block:
        download.source.block = None
    download.block = packed.block = None


def resume(download):
    """The connection is open again: what was in the block is there again."""
    packed = download.packed
    back(packed, download.block)
    download.state = _MOVE if packed.at else _CHECK


def back(packed, block):
    """What was in the block is there again. Raises AlinkError FLASH."""
    around(packed, block)
    if packed.again == _IN_FLASH:
        _flash(packed, "readblocks", block)
    packed.again = 0  # what is asked for now begins behind all that has come


def around(packed, block):
    """What a Slot has of the block (bytearray of 4096) that all of a package is made in."""
    # out: writes into the block. It is emptied at once, so that what comes next goes behind it.
    packed.out = RingIO(block)
    view = memoryview(block)[: packed.filled % _BLOCK]
    packed.out.write(view)
    packed.out.readinto(view)


def _flash(packed, name, block):
    at = packed.at // _BLOCK
    try:
        getattr(packed.part, name)(at, block)
    except OSError as e:
        packed.fault(at, e)
