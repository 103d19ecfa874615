# A download while nothing moves: what it waits for, what is hashed again, its end. MIT licence.

import binascii
import time

from micropython import const

from .. import parts
from ..errors import AlinkError

_E_DOWNLOAD = const(46)
_E_DIGEST = const(60)

_BLOCK = const(4096)
_CHECKPOINT = const(61440)

_TIGHT_MS = const(5000)

_OPEN = const(1)
_RECALL = const(2)  # what is in the target already is hashed
_PAUSE = const(3)
_PEEK = const(5)
_MOVE = const(8)


def turn(download, start):
    """One step of what is not moving. start: int, what open() has just returned, or -1."""
    state = download.state
    offset = download.offset
    if state == _OPEN:
        _opened(download, start)
    elif state == _RECALL:
        if offset < download.recall:
            download.target.recall(download.block)
            if not offset:
                download.target.look(download.block, download.size)
            download.digest.update(download.block)
            download.offset = offset + _BLOCK
        else:
            download.next = min(offset + _CHECKPOINT, download.size)
            download.state = _OPEN
    elif state == _PAUSE:
        if time.ticks_diff(time.ticks_ms(), download.pause) >= 0:
            download.waits = ""
            download.state = _RECALL if offset < download.recall else _OPEN
    elif download.link is not None:
        download.waits = ""
        download.state = _OPEN
    elif time.ticks_diff(download.stop, time.ticks_ms()) < 0:
        raise AlinkError(_E_DOWNLOAD, "took too long, no fresh link")


def _opened(download, start):
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


def complete(download):
    """All bytes are in the target: True when they are the right ones."""
    file = download.file
    found = download.digest.digest()
    download.source.close()
    if found != file.digest:
        found = binascii.hexlify(found[:4]).decode() + ".."
        if not download.kept:
            raise AlinkError(_E_DIGEST, "%s is %s" % (file.method, found))
        # Perhaps only the part from before the reset is at fault: time, not correctness.
        parts.ask("job.checkpoint", "restart", download, found)
        return False
    if download.packed is not None:
        parts.ask("job.aside", "finish", download)
    download.close()
    return True
