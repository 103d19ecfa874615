# What moves in a download: source -> digest -> target, block by block. MIT licence.
#
# A stream that never blocks gives what has arrived, as little as one byte. What is whole is read
# straight into the block; the odd bytes behind the last whole KiB wait in a ring until their KiB
# is complete. So one flash block and 1 KiB do, whatever a network makes of the stream. The views
# that are read into are made once: per piece nothing is allocated.

import time

from micropython import const

_BLOCK = const(4096)
_PART = const(1024)
_SHIFT = const(10)

_READY = const(7)
_MOVE = const(8)


def move(download):
    """Carry one block from the source through the digest into the target; allocates nothing.

    Returns the bytes carried (int), 0 while they have not all arrived. Raises AlinkError.
    """
    n = download.size - download.offset
    if n > _BLOCK:
        n = _BLOCK
    if download.state == _READY:
        download.state = _MOVE
    elif not read(download, download.view, n):
        return 0
    download.digest.update(download.block if n == _BLOCK else download.tail)
    download.target.write(download.block, n)
    download.offset += n
    return n


def read(download, view, n):
    """Put the next `n` bytes of the source where `view` (as Download.view) leads.

    Returns n when all are there, 0 when more has to arrive (call again with the same n). Never
    reads past the piece, so that the stream stands exactly behind it afterwards. Raises EOFError
    when the connection breaks or ends, nothing has come for too long, or all of it takes too
    long: see broken.py; and what the stream raises of its own, AlinkError.
    """
    ring = download.ring
    at = download.at
    count = want = 0
    try:
        while at < n and count == want:
            have = ring.any()
            want = n - at
            if have:
                if want > _PART:
                    want = _PART
                want -= have
            piece = view[at >> _SHIFT]
            count = download.source.stream.readinto(piece, want)
            if not count or count < 0:
                break
            if have:
                ring.write(piece, count)
                if count == want:
                    at += ring.readinto(piece, _PART)
            else:
                if count < want:
                    have = count & (_PART - 1)
                at += count - have
                if have:
                    ring.write(view[at >> _SHIFT], have)
    except (OSError, ValueError) as e:
        raise EOFError(download, e)  # for trouble.py, when this is out of RAM
    now = time.ticks_ms()
    if count:
        download.last = now
        if count < 0:  # what has come of the piece is void
            ring.readinto(download.block)
            at = 0
        elif at == n:
            download.at = 0
            return n
    download.at = at
    if (
        count == 0
        or time.ticks_diff(now, download.last) > download.stall
        or time.ticks_diff(download.stop, now) < 0
    ):
        raise EOFError(download, count)
    return 0
