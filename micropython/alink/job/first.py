# A download is open: up to its first block, which is looked at before it is written. MIT licence.
#
# A package is known by its first KiB, and makes a first block of its own: see package.py.

import time

from micropython import const

from .. import parts

_BLOCK = const(4096)
_PART = const(1024)

_TIGHT_MS = const(5000)

_PEEK = const(5)
_FIRST = const(6)  # the first block is on its way
_MOVE = const(8)


def opened(download, start):
    """A connection is there, for the bytes from `start` (int) on."""
    # What a broken connection has left is no part of the piece that comes now.
    download.ring.readinto(download.block)
    download.at = 0
    download.last = time.ticks_ms()
    if parts.ask("idf", "tight") is not None:
        # It may crawl: not for long, since there are other ways (see retry.broken()).
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


def turn(download):
    """One step of `download` -> bytes of the image whose first block is there (int), or 0.

    What takes the next step is Download.early. Raises AlinkError.
    """
    size = download.size
    mover = download.mover
    if download.state == _PEEK:
        if mover.read(download, download.view, min(size, _PART)):
            download.at = _PART
            download.state = _FIRST
            if download.file.diff or (download.block[0] == 0x89 and download.target.packs):
                download.early = "job.package"
    elif size <= _PART or mover.read(download, download.view, min(size, _BLOCK)):
        download.at = 0
        return size
    return 0
