# A package's block that is half made, while a connection is opened. MIT licence.
#
# Loaded for a moment each time.

from micropython import const

from .. import parts

_BLOCK = const(4096)
_IN_FLASH = const(-1)  # of what comes again: see packed.py

_MOVE = const(8)
_CHECK = const(9)


def set_aside(download):
    """Before a connection is opened, which needs the block: what is in it goes to its own place in
    flash, where nothing boots before all is there. Raises AlinkError FLASH.

    Not with the first block, which nobody has looked at: all begins again.
    """
    packed = download.packed
    if packed.filled and packed.again != _IN_FLASH:
        if not packed.at:
            parts.ask("job.checkpoint", "restart", download, "no block was whole")
            return
        _flash(download, "writeblocks")
        packed.again = _IN_FLASH


def resume(download):
    """The connection is open again: what was in the block is there again."""
    packed = download.packed
    if packed.again == _IN_FLASH:
        _flash(download, "readblocks")
    packed.again = 0  # what is asked for now begins behind all that has come
    download.state = _MOVE if packed.at else _CHECK


def _flash(download, name):
    packed = download.packed
    at = packed.at // _BLOCK
    try:
        getattr(packed.part, name)(at, download.block)
    except OSError as e:
        packed.fault(at, e)
