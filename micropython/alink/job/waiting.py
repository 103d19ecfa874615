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

_OPEN = const(1)
_RECALL = const(2)  # what is in the target already is hashed
_PAUSE = const(3)


def turn(download):
    """One step of what is not moving."""
    state = download.state
    offset = download.offset
    if state == _RECALL:
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
        if time.ticks_diff(time.ticks_ms(), download.last) >= 0:
            download.waits = ""
            download.state = _RECALL if offset < download.recall else _OPEN
    elif download.link is not None:
        download.waits = ""
        download.state = _OPEN
    elif time.ticks_diff(download.stop, time.ticks_ms()) < 0:
        raise AlinkError(_E_DOWNLOAD, "took too long, no fresh link")


def complete(download):
    """All bytes are in the target: True when they are the right ones."""
    file = download.file
    found = download.digest.digest()
    if found != file.digest:
        found = binascii.hexlify(found[:4]).decode() + ".."
        if not download.kept:
            raise AlinkError(_E_DIGEST, "%s is %s" % (file.method, found))
        # Perhaps only the part from before the reset is at fault: time, not correctness.
        parts.ask("job.checkpoint", "restart", download, found)
        return False
    if download.packed is not None:
        parts.ask("job.packed_last", "finish", download)
    download.close()
    return True
