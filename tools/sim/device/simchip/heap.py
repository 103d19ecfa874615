# Python's heap as large as an ESP32's, growing as an ESP32's does. MIT licence.
#
# The unix port's heap has one size. So it is made large, and what the chip would not have is
# filled (filling.py): the place that a growth would have with garbage, the rest for good. When a
# program's allocation does not fit, the collector runs, as on the chip; that frees the growth's
# place, and the allocation is tried again, in the chip's heap first (the lower addresses) and then
# there. Garbage, too, is a stream of TLS: the collector closes it, and closing it rings the Bell.
# At the interpreter's next jump settle() sees whether the growth's place was ever in use, takes a
# growth from the IDF heap if it was, and fills anew. Where the IDF heap has nothing to give all
# filling is for good, and the program's own allocation fails with its own MemoryError.
#
# What counts as what: objects of the chip take 100/139 of those here; but a buffer (512 bytes or
# more without pointers) is as large there as here, and names have pools (names.py): a tax laid
# into the heap makes up for both.
# What the sim's own modules hold is not counted. For what their calls need for moments (C on the
# chip) there are MOMENTS bytes more; no program can keep those: what is alive after a collection
# is held against the chip's size without them.
#
# What this cannot see: the chip's own layout (pieces are those of a 64-bit machine, and a growth's
# place joins what is below it without a seam); an area in the middle that empties (only the last
# is given back, as it is on the chip when nothing lives in it); what is allocated between a
# collection and the next jump, in one call into C (a compiler, say), and finds the growth's place
# open; programs with threads of their own.

import gc
import io

import tls
import utime
from micropython import const, schedule

from simchip import chip_nvs, control, filling, gcmap, idf, names

FIRMWARE = const(2400)  # bytes alive on a chip before boot.py runs, and umqtt.simple
MOMENTS = const(6144)  # bytes here
_POOL = const(9766)  # of 10,000 bytes of heap are for objects
_BUFFER = const(16)  # blocks
_KEY = const(450)  # bytes that a key of NVS takes in the sim
_POLL_MS = const(20)
_UNTAXED = const(1024)  # bytes of buffers that may have come without their tax
_CLOSE = const(4)  # MP_STREAM_CLOSE
_RETRIES = const(10)  # at the next jumps
_LOST = const(100)  # failures one after the other
_BLIND = b"HX 0 0 0 0 0\n"

on = False
alive = FIRMWARE  # bytes on the chip, after the last collection

_base = 0  # bytes alive that are the sim's own
_base_buffers = 0
_base_keys = 0
_taxed = 0  # bytes of buffers that the tax is for
_litter = 0  # what settle() leaves for the collector
_areas = []  # where Python's heap ended before each growth
_closed = True  # False after gc.disable(): no collection will open the growth's place
_rung = False
_busy = False
_polled = 0
_failures = 0
_said = [0, 0]


class _Bell(io.IOBase):
    def ioctl(self, request, arg):
        if request == _CLOSE and not _busy:
            _ring()
        return 0

    def readinto(self, buf):
        return None

    def write(self, buf):
        return None


_bell = _Bell()
_context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
_context.verify_mode = tls.CERT_NONE


def _ring():
    global _rung
    _rung = True
    try:
        schedule(settle, None)
    except RuntimeError:
        pass  # the queue is full: poll() sees to it


def attach(heap_bytes):
    """The chip's heap from now on; everything that is alive is the sim's own."""
    global on, _base, _base_buffers, _base_keys, _litter
    if not gcmap.find(heap_bytes):
        control.panic("heap=esp32 does not know the heap of this interpreter")
    if not names.begin():
        control.panic("heap=esp32 does not know the names of this interpreter")
    filling.prepare()
    _base = gc.mem_alloc()
    _base_buffers = gcmap.buffers(filling.start, gcmap.blocks, _BUFFER)
    _base_keys = chip_nvs.keys()
    filling.add(size() - FIRMWARE, MOMENTS)
    if filling.fence + filling.to_host(idf.BOOT * 12 // 10) // gcmap.BLOCK > filling.end:
        control.panic("heap=esp32 leaves no room for a growth: the sim itself takes too much")
    on = True
    for _ in range(2):
        _ring()
        settle(None)
    _base += filling.to_host(alive - FIRMWARE)  # what the filling holds for itself
    _ring()
    settle(None)
    _litter = used() - alive
    _say("L", True)


def size():
    """Bytes for objects in the chip's Python heap."""
    return idf.python * _POOL // 10000


def used():
    """Bytes of the chip's Python heap in use, garbage included."""
    return _on_chip(gc.mem_alloc() - filling.size(), filling.fence) - _litter


def _on_chip(taken, end):
    # Bytes on the chip for `taken` here, of which some below block `end` are buffers.
    taken -= _base + (chip_nvs.keys() - _base_keys) * _KEY
    buffers = _buffers(end)
    return FIRMWARE + filling.to_chip(taken - buffers) + buffers + names.on_chip()


def _buffers(end):
    return gcmap.buffers(filling.start, end, _BUFFER) - _base_buffers


def poll():
    """From what programs call often: has anything been closed or collected?"""
    global _polled
    now = utime.ticks_ms()
    if _busy or (not _rung and utime.ticks_diff(now, _polled) < _POLL_MS):
        return
    _polled = now
    try:
        if _has_changed():
            look()
        elif _rung or idf.sweep():
            refresh()
    except MemoryError:
        pass  # a locked heap: next time


def _has_changed():
    # What it looks at is not laid anew meanwhile: settle() waits for the next poll().
    global _busy
    _busy = True
    try:
        opened = filling.is_open() if _closed else filling.touched()
        return opened or abs(_buffers(filling.fence) - _taxed) > _UNTAXED
    finally:
        _busy = False


def refresh():
    """The IDF heap may have changed, or there was a collection."""
    if on:
        settle(None)


def pause():
    """No limits until resume()."""
    global _busy
    look()
    _busy = True
    try:
        filling.clear()
    except MemoryError:
        pass  # some of it is still found: what there is has to do


def resume():
    """The chip's heap again."""
    global _busy
    _busy = False
    look()


def look():
    """Look at everything anew."""
    global _rung
    _rung = True
    refresh()


def automatic(collections):
    """Whether collections happen by themselves: else a growth's place has to be open always."""
    global _closed
    _closed = collections
    look()


def settle(_):
    """See what was touched, account for it, and fill again."""
    global _busy, _failures, _rung
    if _busy:
        return
    _busy = True
    control.depth += 1  # no timer's callback meanwhile
    try:
        _settle()
        _rung = False
        _failures = 0
    except MemoryError:
        # A locked heap, one that is full to the brim, or a stale word on the stack. No collection
        # tells of it any more: at the next jump, and if that is too soon, with the next poll().
        _failures += 1
        if _failures <= _RETRIES:
            _ring()
        _rung = True
        if _failures == _LOST:
            control.send(_BLIND)
    finally:
        filling.leave()
        filling.wipe()
        if not _closed:
            gc.collect()
        _busy = False
        control.depth -= 1


def _settle():
    global alive
    idf.sweep()
    opened = _rung or filling.is_open()
    if not opened and idf.room() == filling.room:
        return
    touched = filling.touched() if opened else 0
    filling.clear()
    alive = _on_chip(gc.mem_alloc(), max(filling.fence, touched))
    while _areas and gcmap.is_free(_areas[-1], filling.fence):
        if alive > (idf.python - idf.last_growth()) * _POOL // 10000:
            break  # it is the sim's layout that has it empty
        idf.shrink()
        filling.take_away(_areas.pop())
        _say("B", True)
    if touched > filling.fence:
        _grow(touched)
    while alive > size() and _grow(filling.fence + 1):
        pass
    idf.sweep()
    while not _fill() and _grow(filling.fence + 1):
        filling.clear()
    _say("L", False)


def _fill():
    # False when it is so full that there is not even room for what filling needs (600 bytes).
    global _taxed
    buffers = _taxed = _buffers(filling.fence)
    tax = filling.to_host(buffers + names.on_chip()) - buffers
    return filling.lay(idf.room(), tax) and _arm(4)


def _grow(until):
    # Python's heap grows, as often as it takes to have a block `until`.
    single = gcmap.largest(filling.fence, min(until, filling.end))
    grown = False
    while filling.fence < until:
        taken = idf.grow(single)
        if not taken:
            break
        _areas.append(filling.fence)
        filling.add(taken * _POOL // 10000)
        single = 0
        grown = True
        _say("G", True)
    return grown


def _arm(depth):
    # Deep in the stack, where no frame of a later call keeps it alive.
    if depth:
        return _arm(depth - 1)
    try:
        _context.wrap_socket(_bell, do_handshake_on_connect=False)
    except MemoryError:
        return False
    return True


def _say(kind, always):
    # To the boot ROM, which keeps the figures.
    if always or abs(alive - _said[0]) >= 64 or idf.low != _said[1]:
        _said[0] = alive
        _said[1] = idf.low
        control.send(
            b"H%s %d %d %d %d %d\n" % (kind, idf.python, alive, idf.free(), idf.largest(), idf.low)
        )
