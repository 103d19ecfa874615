# What moves of a package: source -> digest -> ring -> inflater -> block -> target. MIT licence.
#
# DeflateIO takes its source byte by byte and cannot go on once that ran dry: before each piece the
# ring must have what it may take. Of 112 bytes each takes 15 bits at worst, and a block may begin
# in them, with a head of 286 bytes. Nothing is allocated per piece: what there is was made by
# packed.py.
#
# A difference is operations (docs/package.md), a compressed image is taken for one that inserts
# all of it: so there is one module to load, and not one out of another while RAM is short.

import time

from micropython import const

from .. import parts

# Of package_bad.py's list.
_DAMAGED = const(0)
_ENDS = const(1)
_NUMBER = const(4)

_COPY = const(0)
_ADD = const(1)
_INSERT = const(2)
_SEEK = const(3)
_SEEKS = const(16)  # in a row: more make nothing, and could go on for hours

_BLOCK = const(4096)
_PART = const(512)  # the ring, and what is behind it
_HEAD = const(80)
_RING = const(511)  # bytes that it holds
_PIECE = const(112)
_LOW = const(496)
_TURNS = const(128)  # in one step
_WHOLE = const(4)  # below that nothing of an operation is left

_CHECK = const(9)


def feed(download):
    """Read until the ring has enough for a piece, or all of the rest; False: more has to arrive.

    Raises EOFError and AlinkError, as moving.read().
    """
    packed = download.packed
    ring = packed.ring
    spare = packed.spare
    while True:
        left = download.size - download.offset
        have = ring.any()
        at = download.offset - _HEAD & _PART - 1  # where it comes to lie in the ring
        if not left or have >= _LOW:
            return True
        want = min(packed.again or left, _RING - have, _PART - at)
        try:
            count = download.source.stream.readinto(spare, want)
        except (OSError, ValueError) as e:
            raise EOFError(download, e)  # (as in moving.py)
        now = time.ticks_ms()
        if count:
            download.last = now
        # (As in moving.py: only one of both is loaded.)
        if (
            count == 0
            or time.ticks_diff(now, download.last) > download.stall
            or time.ticks_diff(download.stop, now) < 0
        ):
            raise EOFError(download, count)
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
            # Hashed where it lies in the ring, before anything else can come to lie there.
            if at + count == _PART:
                download.digest.update(download.view)
            elif count == left:
                download.digest.update(download.tail)


def inflate(packed, n):
    """`n` bytes out of the package into `spare`, a piece at most, after feed(). Raises AlinkError
    PACKAGE.
    """
    try:
        if packed.inflate.readinto(packed.spare, n) == n:
            return
        n = _ENDS
    except (EOFError, OSError):
        n = _DAMAGED
    raise parts.ask("job.package_bad", "wrong", n)


def move(download):
    """Bring one block of the image into the target; allocates nothing. A step does a bounded
    number of things, however many operations there are.

    Returns bytes of the image (int) when its last block is there, and all of the package, and when
    the first one is there that nobody has looked at, else 0: see Download.step(). Both are left
    in the download's block: the first one until it has been looked at, the last one until all is
    known to be right, see packed_last.finish(). Raises AlinkError: PACKAGE, FLASH, and as feed().
    """
    packed = download.packed
    spare = packed.spare
    n = min(packed.size - packed.at, _BLOCK)
    turns = _TURNS
    while packed.filled < n:
        todo = packed.todo
        op = todo & 3
        if not turns or ((op != _COPY or todo < _WHOLE) and not feed(download)):
            return 0
        turns -= 1
        if todo < _WHOLE:
            _number(packed)
            continue
        k = min(todo >> 2, n - packed.filled)
        if op == _COPY and k == _BLOCK:
            _read(packed, download.block, k)
        else:
            if op == _COPY:
                k = min(k, _PART)
                _read(packed, spare, k)
            else:
                k = min(k, _PIECE)
                inflate(packed, k)
                if op == _ADD:
                    _read(packed, packed.theirs, k)
                    packed.add(spare, packed.theirs, k)
            packed.out.write(spare, k)
            packed.out.readinto(spare, k)  # (They are what it reads there, too.)
        packed.filled += k
        packed.todo = todo - (k << 2)
        if op != _INSERT:
            packed.place += k
    if download.state == _CHECK:
        return packed.size
    if packed.size - packed.at > _BLOCK:
        packed.filled = 0
        packed.found.update(download.block)
        packed.write(download.block, _BLOCK)
        return 0
    if not feed(download):
        return 0
    if download.offset < download.size:
        parts.ask("job.packed_last", "at_end", packed, True)
    return packed.size


turn = move  # the first block's step, see Download.early


def _number(packed):
    # An operation's number, which has come: it is the one that is done next. (Five bytes at most.)
    number = shift = 0
    while True:
        inflate(packed, 1)
        byte = packed.spare[0]
        if shift == 28 and byte > 3:
            raise parts.ask("job.package_bad", "wrong", _NUMBER)
        number |= (byte & 127) << shift
        if byte < 128:
            break
        shift += 7
    op = number & 3
    n = number >> 2
    at = packed.place
    room = packed.size - packed.at - packed.filled
    if op == _SEEK:
        packed.place = at = at + (-(n >> 1) - 1 if n & 1 else n >> 1)
        number = min(packed.todo, 0) - 1
        good = number >= -_SEEKS and 0 <= at <= packed.source
    else:
        good = 0 < n <= room and (op == _INSERT or n <= packed.source - at)
    if not good:
        raise parts.ask("job.package_bad", "no_operation", number, room)
    packed.todo = number


def _read(packed, buf, n):
    # n bytes of the source to the start of buf, which may be longer: then what follows is there,
    # too; at the end of the flash partition what is in front is read with them, and overwritten.
    at = packed.place
    more = max(at + len(buf) - packed.end, 0)
    at -= more
    try:
        packed.mine.readblocks(at // _BLOCK, buf, at % _BLOCK)
    except OSError as e:
        raise parts.ask("job.package_bad", "unread", e)
    if more:
        for i in range(n):
            buf[i] = buf[i + more]
