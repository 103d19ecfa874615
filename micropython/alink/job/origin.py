# Is the source of a difference what runs? MIT licence.
#
# Loaded between the head and the bytes that move: nothing is erased before this is settled.

import hashlib
import time

from micropython import const

from .. import parts

_BLOCK = const(4096)
_AT_ONCE = const(4)  # blocks hashed in one step


def turn(download):
    """One bounded step: a few blocks of the source hashed. Returns 0.

    Raises AlinkError: OTHER_SOURCE, FLASH.
    """
    packed = download.packed
    block = download.block
    for _ in range(_AT_ONCE):
        n = min(packed.source - packed.place, _BLOCK)
        try:
            packed.mine.readblocks(packed.place // _BLOCK, block, 0)
        except OSError as e:
            raise parts.ask("job.package_bad", "unread", e)
        packed.found.update(block if n == _BLOCK else memoryview(block)[:n])
        packed.place += n
        if packed.place == packed.source:
            if packed.found.digest() != packed.theirs[:32]:
                raise parts.ask("job.package_bad", "not_source", packed.source, packed.theirs)
            packed.found = hashlib.sha256()
            packed.place = 0
            download.early = "job.unpack"
            break
    download.last = time.ticks_ms()  # what came meanwhile has waited
    return 0
