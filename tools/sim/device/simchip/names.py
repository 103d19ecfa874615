# What a program's names (qstrs: interned strings) take on the chip. MIT licence.
#
# They stand in pools, each twice as large as the one before, and are never given back. The sim's
# own names would make the program's next pool one of a thousand entries where the chip's has 40:
# so the interpreter gets a pool with room for all of them beforehand, and what the chip would have
# for as many is counted instead. (py/qstr.c: 11 bytes an entry here, 7 there.)

from micropython import const

from simchip import gcmap

_ENOUGH = const(2560)  # entries
_FIRST = const(20)  # entries of the chip's first pool, which is there before boot.py runs
_THERE = const(8)  # names in it
_NEW = const(82)  # of 100 names that are new here; the chip's firmware has the others already
_ENTRY = const(7)
_HEAD = const(32)

_pool = 0  # address of the pool in use
_base = 0


def begin():
    """Make room for the names of the program; False where the pool cannot be found."""
    global _pool, _base
    size = 20
    while size <= _ENOUGH and not _find(size):
        size *= 2
    while True:
        found = _find(size)
        if not found:
            return False
        while _find(size * 2):
            size *= 2
            found = _find(size)
        if size >= _ENOUGH:
            break
        for i in range(size - gcmap.word(found + 24) + 1):
            hasattr(None, "sim %d %d" % (size, i))
    _pool = found
    gcmap.names = gcmap.block(found) >> 2
    _base = _count()
    return True


def _find(size):
    # Address of the pool with so many entries: (previous pool, total before, entries, names, ...).
    for head, blocks in gcmap.objects(size * 11 // gcmap.BLOCK):
        place = gcmap.address(head)
        enough = blocks * gcmap.BLOCK >= size * 11 + 32
        if enough and gcmap.word(place + 16) == size and gcmap.word(place + 24) <= size:
            return place
    return 0


def _count():
    return gcmap.word(_pool + 24)


def on_chip():
    """Bytes that the pools take on the chip for the names that came since begin()."""
    wanted = (_count() - _base) * _NEW // 100 + _THERE
    entries = step = _FIRST
    taken = 0
    while entries < wanted:
        step *= 2
        entries += step
        taken += step * _ENTRY + _HEAD
    return taken
