# A download is open: up to its first block, which is looked at before it is written. MIT licence.
#
# A package is known by its first KiB, and makes a first block of its own.

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
    download.state = _MOVE if download.offset else _PEEK


def turn(download):
    """One step of `download` -> bytes of the image whose first block is there (int), or 0.

    Raises AlinkError.
    """
    state = download.state
    block = download.block
    size = download.size
    mover = download.mover
    if state == _PEEK:
        if mover.read(download, download.view, min(size, _PART)):
            download.at = _PART
            download.state = _FIRST
            if download.file.diff or (block[0] == 0x89 and download.target.packs):
                parts.ask("job.package", "take", download)
                if download.mover is None:
                    mover = None
                    parts.drop("job.moving")
    elif state == _FIRST:
        if size <= _PART or mover.read(download, download.view, min(size, _BLOCK)):
            download.at = 0
            return size
    else:
        packed = download.packed
        if packed.inflate is None:
            parts.use("job.origin").check(download)
            if packed.inflate is not None:
                parts.drop("job.origin")
        elif mover.fill(download):
            download.mover = mover = None
            parts.drop("job.unpack", "job.patch")
            return packed.size
    return 0
