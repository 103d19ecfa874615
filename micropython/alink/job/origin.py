# Is the source of a difference what runs? And the first bytes of any package. MIT licence.
#
# Loaded between the head (package.py) and the bytes that move (unpack.py, patch.py): nothing is
# erased before all of this is settled, and the first block is there, which is made without this.

import time

import deflate
from micropython import const

from .. import parts
from ..errors import AlinkError

_E_FLASH = const(81)

_BLOCK = const(4096)
_AT_ONCE = const(4)  # blocks hashed in one step


def turn(download):
    """One bounded step: a few blocks of the source hashed, then what has come for the inflater.

    That is there (Packed.inflate) when all is done. Returns 0. Raises AlinkError: OTHER_SOURCE,
    FLASH, and as unpack.feed().
    """
    packed = download.packed
    if packed.checked < packed.source:
        _hash(packed, download.block)
        download.last = time.ticks_ms()  # what came meanwhile has waited
        return 0
    mover = download.mover
    if mover is None:
        download.mover = mover = parts.use(packed.code)
    if mover.feed(download):
        packed.inflate = deflate.DeflateIO(packed.ring, deflate.ZLIB, packed.window)
        download.early = packed.code
    return 0


def _hash(packed, block):
    for _ in range(_AT_ONCE):
        n = min(packed.source - packed.checked, _BLOCK)
        try:
            packed.part.readblocks(packed.checked // _BLOCK, block, 0)
        except OSError as e:
            raise AlinkError(_E_FLASH, "reading what runs: %s" % e) from None
        packed.found.update(block if n == _BLOCK else memoryview(block)[:n])
        packed.checked += n
        if packed.checked == packed.source:
            if packed.found.digest() != packed.wanted:
                parts.ask("job.package", "refuse", packed)
            packed.found = packed.wanted = None
            return
