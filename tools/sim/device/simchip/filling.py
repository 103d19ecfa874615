# Fills what an ESP32 would not have of the interpreter's heap. MIT licence.
#
# From below: the sim's own objects and PLUGS in the holes between them; Python's heap as the chip
# has it, up to the FENCE; the place of a growth; the rest. What is laid into a growth's place is
# garbage from the start and dies with the next collection, the rest stays. Both come to lie there
# because everything below is closed meanwhile: the collector's allocator takes the first hole that
# fits. The program's heap has RATIO times the chip's bytes, but a buffer is no larger than there:
# so that it does not find a place too easily, every large hole has a stitch where it would end on
# the chip. A pointer that a dead call left on the stack would keep garbage alive: see wipe().

import gc

import uctypes
from micropython import const, heap_lock, heap_unlock

from simchip import gcmap

# Hundredths. Modules loaded one by one in an idle interpreter: 140. On a board that boots an
# application more stays behind (stale words on the stack): an idle board has 130 (26.5 KB here,
# 20.4 there), one whose download moves 139.
RATIO = const(139)
SEAM = const(64)  # blocks: more than any hole that _fill() overlooks or a crumb adds to
_UNIT = b"\xa5" * 32
_CANARY = _UNIT * 64
_CANARY_WORD = const(0xA5A5A5A5A5A5A5A5)
_PIECE = const(60)  # blocks of the tax
_LARGE = const(96)  # blocks of a hole that has a stitch
_STITCH = const(20)  # blocks: more than what _fill() overlooks
_TRIES = const(4)

start = 0  # block where the program's heap begins
fence = 0  # block behind what Python's heap has now
end = 0  # block behind the interpreter's heap
room = -1  # bytes of the largest object that a growth could be for, as it was laid last
_places = []  # (address, bytes) of what was laid into the growth's place, but for a first block
_held = [None, None, None]  # for good: seams before and in a growth's place; what is above it
_garbage = [None, None]  # what will be laid into the growth's place, until leave()
_tax = []
_plugs = [None] * 3000
_seams = []  # blocks where a further area of the chip's heap begins
_sewn = [None] * 24  # seams that stand there, and stitches
_holes = [None] * 600
_crumbs = [None] * 8  # room for what filling itself needs, when every hole is filled


def to_host(size):
    """Bytes that objects of so many bytes on the chip take here."""
    return size * RATIO // 100


def to_chip(size):
    """Bytes that objects of so many bytes here take on the chip."""
    return size * 100 // RATIO


def prepare():
    """Close the holes between the sim's own objects."""
    global start, end, fence
    end = gcmap.blocks
    collect()
    start = gcmap.last() + 1
    _plug()
    collect()
    fence = (gc.mem_alloc() // gcmap.BLOCK) & ~3  # as if there were no holes of one block left


def add(size, more=0):
    """The program's heap gets `size` bytes on the chip for objects, and `more` bytes here.

    No object lies in two areas: there is a seam between them.
    """
    global fence
    if not more:
        _seams.append(fence)
        fence += SEAM
    fence += ((to_host(size) + more) // gcmap.BLOCK) & ~3


def take_away(before):
    """The heap ends where it did `before`: block, as in `fence`."""
    global fence
    fence = before
    _seams.pop()


def _plug():
    # What stays open below `start` are holes of one block.
    at = 0
    blocks = 256
    while blocks > 1:
        one = gcmap.run(blocks)
        if gcmap.block(id(one)) + blocks > start:
            blocks -= 1 if blocks <= 32 else 32
        else:
            _plugs[at] = one
            at += 1


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
    for several in (_held, _tax, _sewn):
        for one in several:
            if one is not None:
                filled += len(one) * 8
    return filled


def is_open():
    """Whether a collection has let go of what stood in the growth's place."""
    return bool(_places) and not _is_canary(_places[0][0])


def touched():
    """The block behind the last one of the growth's place that was in use, or 0."""
    step = len(_CANARY)
    for place, at in reversed(_places):
        while at >= step and uctypes.bytearray_at(place + at - step, step) == _CANARY:
            at -= step
        while at > 0:
            at -= len(_UNIT)
            if uctypes.bytearray_at(place + at, len(_UNIT)) != _UNIT:
                return gcmap.block(place + at) + 1
    return 0


def _is_canary(place):
    # Whether what was laid there is still there, and not an object of the program.
    return gcmap.kind(gcmap.block(place)) == 2 and gcmap.word(place) == _CANARY_WORD


def clear():
    """Let go of all filling; MemoryError when the collector still finds some of it."""
    top = 0 if _held[2] is None else id(_held[2])
    length = 0 if _held[2] is None else len(_held[2])
    _held[0] = _held[1] = _held[2] = None
    for i in range(len(_sewn)):
        _sewn[i] = None
    leave()
    _tax.clear()
    for _ in range(_TRIES):
        wipe()
        gc.collect()
        left = top and gcmap.kind(gcmap.block(top)) == 1 and gcmap.word(top + 8) == length
        for place, _ in _places:
            left = left or _is_canary(place)
        if not left:
            _places.clear()
            return
    raise MemoryError


def lay(largest, tax):
    """Fill again: a growth's place for objects of up to `largest` bytes, and the tax.

    False when the heap is too full for that; then nothing more is to be had.
    """
    global room
    room = largest
    for _ in range(_TRIES):
        try:
            if _lay():
                break
        except MemoryError:
            pass  # something of the last time was in the way
        _let_go()
        clear()
    else:
        _held[2] = _above(gcmap.last() + SEAM)  # shut: it is full to the brim
        return False
    for one in _sewn:
        if one is not None and len(one) < SEAM * 4 - 2:
            tax -= gcmap.BLOCK * _STITCH
    piece = _PIECE
    while tax >= gcmap.BLOCK * 2 and piece > 1:
        blocks = min(tax // gcmap.BLOCK, piece)
        try:
            _tax.append(gcmap.run(blocks))
            tax -= blocks * gcmap.BLOCK
        except MemoryError:
            piece //= 2
    return piece > 1


def _lay():
    # The growth's place in two pieces: no object there is larger than one of the chip's can be.
    place = (room // gcmap.BLOCK) & ~3
    extra = (place * (RATIO - 100) // 100) & ~3
    if extra < SEAM or fence + place + extra + 3 * SEAM > end:
        place = extra = 0
    for i in range(len(_crumbs)):
        fits = gcmap.free_run(start, fence) >= 0
        _crumbs[i] = [None] * 64 if fits else []
    _fill(fence)
    for one in _crumbs:
        one.clear()  # gives its blocks back at once
    reach = fence
    while not gcmap.kind(reach - 1):
        reach -= 1  # the end of a hole that was too small to be filled
    begin = reach
    first = more = None
    if place:
        _held[0] = gcmap.run(SEAM)
        first = _UNIT * (place - 1)
        _held[1] = gcmap.run(SEAM)
        more = _UNIT * (extra - 1)
        reach += place + extra + 2 * SEAM
    _held[2] = _above(reach)
    _let_go()
    if _held[2] is None:
        return False
    for one in (first, more):
        if one is not None:
            at = uctypes.addressof(one)
            uctypes.bytearray_at(at + len(one), len(_UNIT))[:] = _UNIT  # behind it stands a zero
            _places.append((at + gcmap.BLOCK, len(one)))
    one = None
    _garbage[0] = first
    _garbage[1] = more
    first = more = None
    gc.collect()
    at = gcmap.block(id(_held[0])) if place else begin
    return at == begin and gcmap.block(id(_held[2])) == reach


def _above(begin):
    # All from a block on, or None where that is nothing: something of the program's lies there.
    return gcmap.run(end - begin) if end - begin > 1 else None


def leave():
    """The last step: what stands in the growth's place is garbage from now on."""
    _garbage[0] = _garbage[1] = None


def _fill(until):
    # Something in every hole below `until` that has 19 blocks or more; in large ones a stitch, and
    # between two areas a seam, which stay.
    count = kept = s = 0
    at = gcmap.free_run(start, until)
    while at >= 0 and count + 2 < len(_holes):
        stop = gcmap.free_until(at, until)
        while s < len(_seams) and _seams[s] < at:
            s += 1
        if s < len(_seams) and _seams[s] + SEAM <= stop:
            stop = _seams[s]
            if stop == at and kept < len(_sewn):
                _sewn[kept] = gcmap.run(SEAM)
                kept += 1
                at = gcmap.free_run(stop + SEAM, until)
                s += 1
                continue
        length = stop - at
        first = length * 100 // RATIO
        if length < _LARGE or kept == len(_sewn):
            first = length
        _holes[count] = gcmap.run(first)
        count += 1
        if first < length:
            _sewn[kept] = gcmap.run(_STITCH)
            kept += 1
            length -= first + _STITCH
            if length > _STITCH:
                _holes[count] = gcmap.run(length)
                count += 1
        at = gcmap.free_run(stop, until)


def _let_go():
    i = 0
    while i < len(_holes) and _holes[i] is not None:
        _holes[i] = None
        i += 1


def wipe():
    """Overwrite the stack below: with the heap locked a function's variables are on it, zeroed."""
    heap_lock()
    for function in _shifted:  # so that the interpreter's own frames are elsewhere each time
        function(8)
    heap_unlock()


def _with_variables(count, first):
    # A function of (depth) that runs the statement and has `count` variables.
    scope = {}
    names = "".join(["v%d = " % i for i in range(count)])
    exec("def function(depth):\n    %s\n    %s0\n" % (first, names), scope)
    return scope["function"]


_zeros = _with_variables(200, "if depth: function(depth - 1)")
_shifted = [_zeros]
for _count in range(20, 200, 20):
    _shifted.append(_with_variables(_count, "zeros(depth)"))
    _shifted[-1].__globals__["zeros"] = _zeros
