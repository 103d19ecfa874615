# Fills what an ESP32 would not have of the interpreter's heap. MIT licence.
#
# From below: the sim's own objects and PLUGS in the holes between them; Python's heap as the chip
# has it, up to the FENCE; the place of a growth; the rest. What is laid into a growth's place is
# garbage from the start and dies with the next collection, the rest stays. Both come to lie there
# because everything below is closed meanwhile: the collector's allocator takes the first hole that
# fits. A pointer that a dead call left on the stack would keep garbage alive: see wipe().

import gc

import uctypes
from micropython import const, heap_lock, heap_unlock

from simchip import gcmap

# Hundredths. Modules loaded one by one in an idle interpreter: 140. On a board that boots an
# application more stays behind (stale words on the stack): 130 gives a chip's figures there.
RATIO = const(130)
SEAM = const(64)  # blocks: more than any hole that _fill() overlooks or a crumb adds to
_CANARY = b"\xa5" * 2048
_CANARY_WORD = const(0xA5A5A5A5A5A5A5A5)
_PIECE = const(60)  # blocks of the tax
_TRIES = const(4)

fence = 0  # block behind what Python's heap has now
end = 0  # block behind the interpreter's heap
room = -1  # bytes of the largest object that a growth could be for, as it was laid last
_places = []  # (address, bytes) of what was laid into the growth's place
_held = [None, None]  # for good: a seam in the growth's place, and what is above it
_garbage = [None, None]  # what will be laid into the growth's place, until leave()
_tax = []
_keep = []  # plugs, and the seam in the chip's first heap
_holes = [None] * 600
_crumbs = [None] * 8  # room for what filling itself needs, when every hole is filled


def to_host(size):
    """Bytes that objects of so many bytes on the chip take here."""
    return size * RATIO // 100


def to_chip(size):
    """Bytes that objects of so many bytes here take on the chip."""
    return size * 100 // RATIO


def begin(own):
    """Close the holes of the sim's own objects; own: bytes on the chip that a program begins with.

    A piece that stays parts the program's heap where the chip's would end, so that no object is
    larger than one can be there.
    """
    global end
    end = gcmap.blocks
    collect()
    start = gcmap.last() + 1
    _keep.append(_plug(start))
    _fill((start + own // gcmap.BLOCK) & ~3)
    _keep.append(gcmap.run(SEAM))
    _let_go()
    collect()


def _plug(start):
    # What stays open are holes of one block.
    plugs = [None] * 3000
    at = 0
    blocks = 256
    while blocks > 1:
        one = gcmap.run(blocks)
        if gcmap.block(id(one)) + blocks > start:
            blocks -= 1 if blocks <= 32 else 32
        else:
            plugs[at] = one
            at += 1
    return plugs


def collect():
    """Collect, also what a stale word on the stack kept alive the first time."""
    for _ in range(_TRIES):
        wipe()
        gc.collect()


def size():
    """Bytes of filling that are there now."""
    filled = 0
    for place, length in _places:
        if _is_canary(place):
            filled += length
    for one in _held:
        if one is not None:
            filled += len(one) * 8
    for one in _tax:
        filled += len(one) * 8
    return filled


def is_open():
    """Whether a collection has let go of what stood in the growth's place."""
    return bool(_places) and not _is_canary(_places[0][0])


def touched():
    """The block behind the last one of the growth's place that was in use, or 0."""
    step = len(_CANARY)
    for place, length in reversed(_places):
        at = length - step
        while at >= 0:
            if uctypes.bytearray_at(place + at, step) != _CANARY:
                return gcmap.block(place + at + step)
            at -= step
    return 0


def _is_canary(place):
    # Whether what was laid there is still there, and not an object of the program.
    return gcmap.kind(gcmap.block(place)) == 1 and gcmap.word(place) == _CANARY_WORD


def clear():
    """Let go of all filling; MemoryError when the collector still finds some of it."""
    top = 0 if _held[1] is None else id(_held[1])
    length = 0 if _held[1] is None else len(_held[1])
    _held[0] = _held[1] = None
    leave()
    del _tax[:]
    for _ in range(_TRIES):
        wipe()
        gc.collect()
        left = top and gcmap.kind(gcmap.block(top)) == 1 and gcmap.word(top + 8) == length
        for place, _ in _places:
            left = left or _is_canary(place)
        if not left:
            del _places[:]
            return
    raise MemoryError


def lay(largest, tax, closed):
    """Fill again: a growth's place for objects of up to `largest` bytes, and the tax.

    False when the heap is too full for that; then nothing more is to be had.
    closed: whether the next collection is to open the place; else it is open at once.
    """
    global room
    room = largest
    for _ in range(_TRIES):
        try:
            if _lay(closed):
                break
        except MemoryError:
            pass  # something of the last time was in the way
        _let_go()
        clear()
    else:
        _held[1] = gcmap.run(end - gcmap.last() - SEAM)  # shut: it is full to the brim
        return False
    piece = _PIECE
    while tax >= gcmap.BLOCK * 2 and piece > 1:
        blocks = min(tax // gcmap.BLOCK, piece)
        try:
            _tax.append(gcmap.run(blocks))
            tax -= blocks * gcmap.BLOCK
        except MemoryError:
            piece //= 2
    return piece > 1


def _lay(closed):
    # The growth's place in two pieces: no object there is larger than one of the chip's can be.
    place = (room // gcmap.BLOCK) & ~63
    extra = (place * (RATIO - 100) // 100) & ~63
    if place < 256 or fence + place + extra + 3 * SEAM > end:
        place = extra = 0
    for i in range(len(_crumbs)):
        fits = gcmap.free_run(0, fence) >= 0
        _crumbs[i] = [None] * 64 if fits else []
    _fill(fence)
    for one in _crumbs:
        one.clear()  # gives its blocks back at once
    reach = fence
    while not gcmap.kind(reach - 1):
        reach -= 1  # the end of a hole that was too small to be filled
    start = reach
    first = more = None
    if place:
        first = b"\xa5" * (place * gcmap.BLOCK - 1)
        reach += place
        if extra:
            _held[0] = gcmap.run(SEAM)
            more = b"\xa5" * (extra * gcmap.BLOCK - 1)
            reach += SEAM + extra
    _held[1] = gcmap.run(end - reach)
    _let_go()
    for one in (first, more):
        if one is not None:
            at = uctypes.addressof(one)
            uctypes.bytearray_at(at + len(one), 1)[0] = 0xA5  # in place of the zero at its end
            _places.append((at, len(one) + 1))
    one = None
    if closed:
        _garbage[0] = first
        _garbage[1] = more
    first = more = None
    gc.collect()
    at = gcmap.block(_places[0][0]) if _places else start
    return at == start and gcmap.block(id(_held[1])) == reach


def leave():
    """The last step: what stands in the growth's place is garbage from now on."""
    _garbage[0] = _garbage[1] = None


def _fill(until):
    # Something in every hole below `until` that has 19 blocks or more.
    count = 0
    at = gcmap.free_run(0, until)
    while at >= 0 and count < len(_holes):
        stop = gcmap.free_until(at, until)
        _holes[count] = gcmap.run(stop - at)
        count += 1
        at = gcmap.free_run(stop, until)


def _let_go():
    for i in range(len(_holes)):
        _holes[i] = None


def wipe():
    """Overwrite the stack below: with the heap locked a function's variables are on it, zeroed."""
    heap_lock()
    _zeros(8)
    _shifted(8)  # between the variables are the interpreter's own frames: now they are elsewhere
    heap_unlock()


def _with_variables(count, first):
    # A function of (depth) that runs the statement and has `count` variables.
    scope = {}
    names = "".join(["v%d = " % i for i in range(count)])
    exec("def function(depth):\n    %s\n    %s0\n" % (first, names), scope)
    return scope["function"]


_zeros = _with_variables(200, "if depth: function(depth - 1)")
_shifted = _with_variables(100, "zeros(depth)")
_shifted.__globals__["zeros"] = _zeros
