# What moves of a package: source -> digest -> ring -> inflater -> block -> target. MIT licence.
#
# DeflateIO takes its source byte by byte and cannot go on once that ran dry: before each piece the
# ring must have what it may take. Of 256 bytes each takes 15 bits at worst, and two blocks may
# begin in them, each with a head of 286 bytes. Nothing is allocated per piece: what there is was
# made by package.py. For a compressed image this is all; what is done for a difference is in
# patch.py.

import time

from micropython import const

from .. import parts

# Of aside.py's list.
_DAMAGED = const(0)
_ENDS = const(1)
_GOES_ON = const(2)
_BEHIND = const(3)

_BLOCK = const(4096)
_PART = const(1024)
_PIECE = const(256)
_SHIFT = const(8)
_HEAD = const(80)
_RING = const(1535)  # bytes that it holds
_VIEWS = const(6)
_LOW = const(1088)


def feed(download):
    """Read until the ring has enough for a piece, or all of the rest; False: more has to arrive.

    Raises AlinkError, as moving.read().
    """
    packed = download.packed
    ring = packed.ring
    source = download.source
    spare = download.spare
    while True:
        # Hashed where it lies in the ring, before anything else can come to lie there.
        while download.offset - _HEAD - packed.hashed >= _PIECE:
            download.digest.update(packed.views[(packed.hashed >> _SHIFT) % _VIEWS])
            packed.hashed += _PIECE
        left = download.size - download.offset
        have = ring.any()
        if not left and packed.tail is not None:
            download.digest.update(packed.tail)
            packed.tail = None
        if not left or have >= _LOW:
            return True
        want = min(packed.again or left, _RING - have, _PART)
        try:
            count = source.stream.readinto(spare, want)
        except (OSError, ValueError) as e:
            raise parts.ask("job.retry", "broken", download, e)
        now = time.ticks_ms()
        if count:
            download.last = now
        # (As in moving.py: only one of both is loaded.)
        if (
            count == 0
            or time.ticks_diff(now, download.last) > download.stall
            or time.ticks_diff(download.stop, now) < 0
        ):
            raise parts.ask("job.retry", "broken", download, count)
        if count is None:
            return False
        if count < 0:
            # The last ones come once more, and are known.
            packed.again += (download.offset - packed.again) % _BLOCK
        elif packed.again:
            packed.again -= count
        else:
            ring.write(spare, count)
            download.offset += count


def wrong(number):
    """See aside.wrong()."""
    return parts.ask("job.aside", "wrong", number)


def inflate(packed, buf, n):
    """`n` bytes out of the package into `buf`. Raises AlinkError PACKAGE."""
    if _take(packed, buf, n) != n:
        raise wrong(_ENDS)


def _take(packed, buf, n):
    # Up to n bytes; less only where the stream ends.
    try:
        return packed.inflate.readinto(buf, n)
    except (EOFError, OSError):
        raise wrong(_DAMAGED) from None


def at_end(download):
    """Whether the package ends here (bool): else more has to arrive. Raises AlinkError PACKAGE."""
    packed = download.packed
    if not feed(download):
        return False
    if _take(packed, packed.one, 1):
        raise wrong(_GOES_ON)
    if packed.ring.any() or download.offset < download.size:
        raise wrong(_BEHIND)
    return True


def fill(download):
    """Make the image's next block; True when it is whole, False when more has to arrive.

    With the last one all of the package has come, and was right so far. Raises AlinkError:
    PACKAGE, and as feed().
    """
    packed = download.packed
    left = packed.size - download.target.at
    n = min(left, _BLOCK)
    while packed.filled < n:
        if not feed(download):
            return False
        want = min(n - packed.filled, _PIECE)
        inflate(packed, packed.pieces[packed.filled >> _SHIFT], want)
        packed.filled += want
    return left > n or at_end(download)


def turn(download):
    """One step of the first block -> bytes of the image when it is whole (int), else 0."""
    if not download.mover.fill(download):
        return 0
    download.mover = None
    return download.packed.size


def move(download):
    """Bring one block of the image into the target; allocates nothing.

    Returns 1 when the last one is there, else 0: see Download.step(). That one is not written
    before all are known to be right: see aside.finish(). Raises AlinkError, as fill().
    """
    if not download.mover.fill(download):
        return 0
    packed = download.packed
    if packed.size - download.target.at <= _BLOCK:
        packed.inflate = packed.ring = None
        return 1
    packed.filled = 0
    packed.digest.update(download.block)
    download.target.write(download.block, _BLOCK)
    return 0
