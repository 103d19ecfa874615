# A package's block that is half made, while a connection is opened; its last one; and what may be
# wrong with a package, in words. MIT licence.
#
# Loaded for a moment each time.

from micropython import const

from .. import parts
from ..errors import AlinkError

_E_PACKAGE = const(73)

_BLOCK = const(4096)

_MOVE = const(8)
_CHECK = const(9)

_WRONG = (
    "its stream is damaged",
    "it ends before its image",
    "it goes on behind its image",
    "data behind its stream",
    "a number",
    "an operation on nothing",
    "it leaves its source",
    "it moves in its source and does nothing",
    "not the image that its head tells of",
)


def wrong(number):
    """What is wrong with a package (int, of _WRONG) -> AlinkError PACKAGE."""
    return AlinkError(_E_PACKAGE, _WRONG[number])


def finish(download):
    """All has come: write the last block, if this is the image that the head tells of.

    Raises AlinkError: PACKAGE, FLASH.
    """
    packed = download.packed
    packed.digest.update(packed.end)
    if packed.digest.digest() != download.target.digest:
        raise wrong(8)
    download.target.write(download.block, len(packed.end))


def set_aside(download):
    """Before a connection is opened, which needs the block: what is in it goes to its own place in
    flash, where nothing boots before all is there. Raises AlinkError FLASH.

    Not with the first block, which nobody has looked at: all begins again.
    """
    packed = download.packed
    if packed.filled and not packed.kept:
        if not download.target.at:
            parts.ask("job.checkpoint", "restart", download, "no block was whole")
            return
        _flash(download, "writeblocks")
        packed.kept = True


def resume(download):
    """The connection is open again: what was in the block is there again."""
    packed = download.packed
    if packed.kept:
        _flash(download, "readblocks")
        packed.kept = False
    download.state = _MOVE if download.target.at else _CHECK


def _flash(download, name):
    target = download.target
    at = target.at // _BLOCK
    try:
        getattr(target.part, name)(at, download.block)
    except OSError as e:
        target.fault(at, e)
