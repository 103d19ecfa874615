# Where the unix port's collector keeps its table, and what stands in it. MIT licence.
#
# py/gc.c: the heap is a table (two bits a block: free, head, tail, marked), a table of finalisers
# and the pool of blocks, in this order. The pool's size is known (gc.mem_alloc + gc.mem_free), so
# one object of a known size and address is enough to find the table: see find(). Everything here
# looks through views on memory; none of them points to where an object begins (word()).

import gc

import uctypes
from micropython import const

BLOCK = const(32)  # bytes, on a 64-bit machine

_PROBE = const(2000)  # blocks of the object that find() looks for
_HEAD = const(1)
_TAIL = const(2)
_SAMPLES = const(24)

blocks = 0  # of the whole pool
names = -2  # where in the table the pool of names stands: it fills up, and is none of the buffers
_pool = 0  # its address
_table = None  # view on the table


def find(heap_bytes):
    """Find the table of a heap of that many bytes; False on an interpreter of another kind."""
    global blocks, _pool, _table
    gc.collect()
    length = (gc.mem_alloc() + gc.mem_free()) // (BLOCK * 4)
    found = _search(length, heap_bytes)
    if found is None:
        return False
    blocks = length * 4
    _pool = found[0]
    gc.collect()  # so that the view comes to lie low, where the probe was
    _table = uctypes.bytearray_at(found[1], length)
    return True


def _search(length, heap_bytes):
    # (address of the pool, of the table): where the table shows the probe as the pool has it.
    tail = b"\xaa" * (_PROBE // 4 - 4)
    probe = run(_PROBE)
    at = id(probe)
    for back in range(0, length * BLOCK * 4, BLOCK):
        pool = at - back
        first = back // BLOCK
        for slack in range(0, BLOCK, 8):
            start = pool + length * BLOCK * 4 - heap_bytes + slack
            if _kind(start, first) != _HEAD:
                continue
            if uctypes.bytearray_at(start + first // 4 + 1, len(tail)) != tail:
                continue
            last = first + _PROBE - 1
            if _kind(start, last) == _TAIL and _kind(start, last + 1) != _TAIL:
                return pool, start
    return None


def _kind(start, number):
    return uctypes.bytearray_at(start + number // 4, 1)[0] >> number % 4 * 2 & 3


def run(count):
    """An object of exactly so many blocks (2 or more), in one piece."""
    return (None,) * (count * 4 - 2)


def block(address):
    """Number of the block at an address."""
    return (address - _pool) // BLOCK


def address(number):
    """Address of a block."""
    return _pool + number * BLOCK


def kind(number):
    """0 free, 1 the first of an object, 2 the rest of one."""
    return _table[number >> 2] >> (number & 3) * 2 & 3


def is_at(place, type_word):
    """Whether an object of that type (its first word) is still alive at an address."""
    number = block(place)
    return kind(number) == _HEAD and word(place) == type_word


def word(place):
    """The 8 bytes at an address, as a number."""
    # A view that points to an object's beginning would keep it alive, and so would a stale one.
    return int.from_bytes(uctypes.bytearray_at(place - 4, 12)[4:], "little")


def free_run(start, end):
    """Where four bytes of the table that are all free begin, from block to block; -1: nowhere."""
    at = _table.find(b"\0\0\0\0", start >> 2, end >> 2)
    return at << 2 if at >= 0 else -1


def free_until(start, end):
    """The first block at or behind `start` (a multiple of 4) whose table byte is not empty."""
    at = start >> 2
    stop = end >> 2
    while at < stop and not _table[at]:
        at += 1
    return at << 2


def last():
    """The last block that is in use, to 4 blocks near."""
    at = len(_table) - 1
    while not _table[at]:
        at -= 1
    return at << 2 | 3


def is_free(start, end):
    """Whether nothing is alive from block to block (but for up to 3 blocks at either end)."""
    return not _table[(start + 3) >> 2 : end >> 2].strip(b"\0")


def buffers(start, end, least):
    """Bytes of what is a buffer and has at least `least` blocks (a multiple of 4), to 4 near."""
    pattern = b"\xaa" * (least // 4 - 1)
    found = 0
    at = start >> 2
    stop = end >> 2
    while True:
        at = _table.find(pattern, at, stop)
        if at < 0:
            return found * BLOCK * 4
        begin = at
        while at < stop and _table[at] == 0xAA:
            at += 1
        if begin <= names + 1 < at:
            continue
        if not _is_table(address(begin << 2), (at - begin) * BLOCK * 4):
            found += at - begin


def _is_table(place, size):
    # Whether an object holds mostly numbers and pointers (a dict, a list, the names' pool): on
    # the chip these have half the size. What is in a buffer does not look like 64-bit pointers.
    view = uctypes.bytearray_at(place, size)
    pointers = others = at = 0
    for _ in range(_SAMPLES):
        if view[at + 7] or view[at + 6]:
            others += 1
        elif view[at + 5] or view[at + 4] or view[at + 3] or view[at + 1] or view[at]:
            pointers += 1
        at += size // _SAMPLES & ~7
    return pointers > others


def objects(least):
    """(block, blocks) of every object of about `least` blocks or more."""
    found = []
    pattern = b"\xaa" * max(least // 4 - 2, 1)
    at = 0
    while True:
        at = _table.find(pattern, at)
        if at < 0:
            return found
        head = at << 2
        while kind(head) == _TAIL:
            head -= 1
        end = at << 2
        while kind(end) == _TAIL:
            end += 1
        found.append((head, end - head))
        at = end + 3 >> 2


def largest(start, end):
    """Bytes of the largest object between two blocks, to 4 blocks near."""
    most = 0
    at = start >> 2
    stop = end >> 2
    while at < stop:
        at = _table.find(b"\xaa", at, stop)
        if at < 0:
            break
        begin = at
        while at < stop and _table[at] == 0xAA:
            at += 1
        most = max(most, at - begin)
    return most * BLOCK * 4
