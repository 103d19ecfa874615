# The buffers of a download, made when they are wanted. MIT licence.
#
# The ring is made when a connection is: before TLS is, so that the heap need not grow beside that;
# behind the look-up of a host, which takes more. room.py lets go of them.

import time

from micropython import RingIO, const
from uctypes import addressof, bytearray_at

from .. import parts

_BLOCK = const(4096)
_PART = const(1024)

_PEEK = const(5)  # of fetch.py
_PATIENCE_MS = const(20000)  # behind the last byte


def ring(download):
    """Make the ring of 1 KB, and `spare`, its own memory, which is free whenever the ring is
    empty: between two blocks.
    """
    memory = bytearray(_PART + 1)
    download.spare = download.target.spare = alias(memory, 0, _PART)
    download.ring = RingIO(memory)  # last: with it all is there


def alias(buf, at, n):
    """buf[at:][:n] as a bytearray of the same memory. Where `at` is not 0 somebody else has to
    hold on to that.
    """
    return bytearray_at(addressof(buf) + at, n)


def again(download):
    """Make what room.free() has let go of, but for the ring where there is no connection yet.

    False when there is no memory for it, which may be a moment's: the next step tries once more.
    Raises MemoryError when that has lasted.
    """
    try:
        _make(download)
        return True
    except MemoryError:
        if time.ticks_diff(time.ticks_ms(), download.last) > _PATIENCE_MS:
            raise
        return False


def _make(download):
    target = download.target
    block = bytearray(_BLOCK)
    opened = download.state >= _PEEK
    packed = download.packed
    if packed is None:
        view = memoryview(block)
        download.view = (view, view[_PART:], view[2 * _PART :], view[3 * _PART :])
        download.tail = view[: download.size % _BLOCK or _BLOCK]
        if opened:
            ring(download)
    elif opened:
        parts.ask("job.aside", "back", packed, block)
    if target.packs:
        target.block = block
    if download.source.block is None:
        download.source.block = block
    download.block = block  # last: with it all is there
