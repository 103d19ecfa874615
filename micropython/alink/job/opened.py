# A download has a connection: what comes of it goes where? MIT licence.
#
# The ring is made when a connection is wanted: before TLS is, so that the heap need not grow
# beside that; behind the look-up of a host, which takes more.

import time

from micropython import RingIO, const

from .. import parts

_PART = const(1024)
_TIGHT_MS = const(5000)

_PEEK = const(5)
_MOVE = const(8)


def room(download):
    """Make the ring of 1 KB, and `spare`, its own memory, which is free whenever the ring is
    empty: between two blocks.
    """
    memory = bytearray(_PART + 1)
    download.spare = download.target.spare = memoryview(memory)[:_PART]
    download.ring = RingIO(memory)  # last: with it all is there


def opened(download, start, tight):
    """A connection is there, for the bytes from `start` (int) on. tight: see idf.tight()."""
    # What a broken connection has left is no part of the piece that comes now.
    download.ring.readinto(download.block)
    download.at = 0
    download.last = time.ticks_ms()
    if tight is not None:
        # It may crawl: not for long, since there are other ways (see broken.py).
        download.stall = min(download.stall, _TIGHT_MS)
    if start != download.offset:
        # The server sends the whole file again (200 to a range): so the digest and the target
        # start again, too.
        parts.ask("job.checkpoint", "restart", download, "the server ignored the range")
    elif download.packed is not None:
        parts.ask("job.aside", "resume", download)
        return
    download.early = "job.first"
    download.state = _MOVE if download.offset else _PEEK
