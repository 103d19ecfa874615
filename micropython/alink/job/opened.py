# A download has a connection: what comes of it goes where? MIT licence.

import time

from micropython import const

from .. import parts

_TIGHT_MS = const(5000)

_PEEK = const(5)
_MOVE = const(8)


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
