# What moves of a difference: the operations in it make an image out of its source. MIT licence.
#
# docs/package.md has the operations. What they bring is gathered in a ring until a piece of 256
# bytes is whole, since it goes to any place and a slice would cost an object; what is copied whole
# is read where it belongs. Nothing is allocated, and a step does a bounded number of things,
# however many operations there are.

from micropython import const

from ..errors import AlinkError
from .unpack import (  # noqa: F401 (turn and move are Download's)
    at_end,
    feed,
    inflate,
    move,
    turn,
    wrong,
)

_E_FLASH = const(81)

# Of aside.py's list.
_GOES_ON = const(2)
_NUMBER = const(4)
_NOTHING = const(5)
_LEAVES = const(6)
_IDLE = const(7)

_TAKE = const(0)
_ADD = const(1)
_INSERT = const(2)
_SEEK = const(3)

_BLOCK = const(4096)
_PIECE = const(256)
_SHIFT = const(8)
_TURNS = const(128)  # in one step
_SEEKS = const(16)  # in a row: more make nothing, and could go on for hours


def fill(download):
    """Make the image's next block; True when it is whole, False when it is not yet.

    With the last one all of the package has come, and was right so far. Raises AlinkError:
    PACKAGE, FLASH, and as feed().
    """
    packed = download.packed
    size = download.target.at  # of what is in the slot
    n = min(packed.size - size, _BLOCK)
    out = packed.out
    got = packed.got
    turns = _TURNS
    while packed.filled < n:
        have = out.any()
        if have and (have == _PIECE or have == n - packed.filled):
            packed.filled += out.readinto(packed.pieces[packed.filled >> _SHIFT], have)
            continue
        if not turns:
            return False
        turns -= 1
        left = packed.left
        if not left:
            if not feed(download):
                return False
            inflate(packed, got, 1)
            _number(packed, got[0], packed.size - size - packed.filled - have)
            continue
        op = packed.doing
        if op == _TAKE and not have and left >= _PIECE:
            # Whole, to its place.
            k = _PIECE
            if packed.filled:
                _read(packed, packed.pieces[packed.filled >> _SHIFT], k)
            elif left < _BLOCK:
                _read(packed, packed.pieces[0], k)
            else:
                k = _BLOCK
                _read(packed, download.block, k)
            packed.filled += k
        else:
            k = min(left, _PIECE - have)
            if op == _TAKE:
                _read(packed, got, k)
            else:
                if not feed(download):
                    return False
                inflate(packed, got, k)
                if op == _ADD:
                    _read(packed, packed.theirs, k)
                    packed.add(got, packed.theirs, k)
            out.write(got, k)
        packed.left = left - k
        if op != _INSERT:
            packed.at += k
    if packed.size - size > n:
        return True
    return at_end(download)


def _number(packed, byte, room):
    # One byte more of an operation's number; the last one makes it the operation that is done
    # next, for which there is `room` (bytes) in the image.
    shift = packed.shifts
    if shift == 28 and byte > 3:
        raise wrong(_NUMBER)
    number = packed.number | (byte & 127) << shift
    if byte & 128:
        packed.number = number
        packed.shifts = shift + 7
        return
    packed.number = packed.shifts = 0
    packed.doing = op = number & 3
    n = number >> 2
    if op == _SEEK:
        n = -(n >> 1) - 1 if n & 1 else n >> 1
        packed.at += n
        packed.seeks += 1
        if packed.seeks > _SEEKS:
            raise wrong(_IDLE)
        if not 0 <= packed.at <= packed.source:
            raise wrong(_LEAVES)
        return
    packed.seeks = 0
    if not n:
        raise wrong(_NOTHING)
    if n > room:
        raise wrong(_GOES_ON)
    if op != _INSERT and n > packed.source - packed.at:
        raise wrong(_LEAVES)
    packed.left = n


def _read(packed, buf, n):
    # n bytes of the source to the start of buf, which may be longer: then what follows is there,
    # too. Where that is the end of the flash partition, byte by byte.
    at = packed.at
    one = packed.one
    try:
        if n > _PIECE or at <= packed.last:
            packed.part.readblocks(at // _BLOCK, buf, at % _BLOCK)
        else:
            for i in range(n):
                packed.part.readblocks((at + i) // _BLOCK, one, (at + i) % _BLOCK)
                buf[i] = one[0]
    except OSError as e:
        raise AlinkError(_E_FLASH, "reading what runs: %s" % e) from None
