# The IDF heap of an ESP32 without PSRAM: what Python's growth, Wi-Fi, TLS and sockets take of it.
# MIT licence.
#
# Sizes: MicroPython 1.26.1 ESP32_GENERIC on an emulated chip. What they come to, in bytes free
# (lowest), with a certificate of 460 bytes:
#
#                              Python in its first 56 KB      grown once
#   after boot                 139,600                        80,204
#   Wi-Fi joined               95,500                         36,104
#   context with one root      94,258                         34,862
#   first session              68,958 (62,858)                9,562 (3,462)
#   second session             43,658 (37,558)                OSError(12)
#
# What is not modelled: packets in flight (up to 7 KB for a busy connection: a chip with less than
# that free stalls, and a handshake with less than 1.5 KB to spare ends in a time-out), pieces that
# long-lived blocks cut the heap into (the largest block is an estimate), connections accepted
# from a listening socket, what a closed one leaves for some seconds, a soft reset's leftovers.
#
# Sockets, sessions and contexts are objects of C and stay what they are. Whether one is still open
# and alive is looked up in its memory (gcmap.py).

import errno

import uctypes
import utime
from micropython import const

from simchip import gcmap

BOOT = const(139600)
_SMALL = (14656, 11976)  # two of the regions; the third is what is left

# Wi-Fi: the driver (WLAN()), its start (active(True)), what a joined station has for buffers.
WIFI = (36000, 2100, 6000)
CONTEXT = const(310)
_CERTIFICATE = const(200)  # beside 1.4 times its bytes; the first one's head lies in the context
_NEXT = const(400)
BUFFERS = const(23400)  # of a session: 16 KB in, 4 KB out, its state
BUFFER = const(16900)  # in one piece
SESSION = const(24900)
HANDSHAKE = const(6100)
SOCKET = const(400)  # also of a session
HANDLE = const(48)  # of an esp32.NVS, which MicroPython never closes: gone until a reset

_FIRST = const(57345)  # bytes of Python's first heap, as its growth counts them
_AREA_MIN = const(2048)  # gc_try_add_heap: a heap takes that much more than what is asked of it
_LATE_MS = const(10000)  # a handshake that has not ended by then has failed
_SHAKEN = const(27)  # MBEDTLS_SSL_HANDSHAKE_OVER
_ANSWERED = const(3)  # MBEDTLS_SSL_SERVER_CERTIFICATE: from here on a handshake takes its memory

low = BOOT  # the lowest that was free
python = _FIRST  # bytes that Python has for its heap, as gc_try_add_heap counts them
_regions = [BOOT - sum(_SMALL), _SMALL[0], _SMALL[1]]  # free, but for what is in _open
_areas = []  # (bytes, region) of each growth
_wifi = 0  # how many of WIFI are taken
_open = []  # [type word, address, bytes, whether it shakes hands, ticks, bytes that wait in it]
QUEUED = const(5)
_GAP = const(6720)  # the largest that one is taken for
_gaps = 0  # bytes that datagrams have left between others which still wait
_shaken = False  # a session has cut the free memory into pieces


def free():
    """Bytes that are free."""
    return sum(_regions) - _taken()


def _taken():
    taken = 0
    for one in _open:
        taken += one[2] + one[QUEUED]
    return taken


def largest():
    """The largest block that is free, by TLSF's size classes."""
    taken = _taken() + _gaps
    main = sum(_regions) - taken if _wifi else _regions[0] - taken
    sessions = 0
    for one in _open:
        sessions += one[2] >= SESSION
    if sessions:
        main = max(main - 5500, main * 56 // 100)
    elif _shaken:
        main = main * 65 // 100
    return _floor(max(main, min(_gaps, _GAP), 0 if _wifi else max(_regions[1:])))


def _step(size):
    step = 1
    while size >= 32:
        size >>= 1
        step <<= 1
    return step


def _floor(size):
    return size // _step(size) * _step(size) if size > 0 else 0


def info():
    """What esp32.idf_heap_info() tells: (total, free, largest, lowest) of each region."""
    sweep()
    left = free()
    block = largest()
    rest = 0 if _wifi else min(_regions[1] + _regions[2], left)
    if block > left - rest:
        rest = left - block
    return [(16384, rest, min(rest, block), 0), (229376, left - rest, block, low)]


def note(extra=0):
    """Remember the lowest; extra: bytes that are taken only for a moment."""
    global low
    low = min(low, max(free() - extra, 0))


# Python's heap.


def room():
    """Bytes of the largest object that a growth of Python's heap could be for."""
    block = largest()
    return max(min(block - _AREA_MIN, block * 512 // 525), 0)


def grow(needed):
    """Take a growth for an object of `needed` bytes; returns its size, 0 when there is none."""
    global python, _gaps
    block = largest()
    if block < _AREA_MIN:
        return 0
    wanted = max(python, needed + max(_AREA_MIN, needed * 13 // 512))
    step = _step(wanted)
    size = min(block, (wanted + step - 1) // step * step)
    region = 0
    if not _wifi and _floor(_regions[0] - _taken()) < block:
        region = 1 if _regions[1] >= _regions[2] else 2
    _regions[region] -= size + 4
    _areas.append((size + 4, region))
    python += size
    _gaps = min(_gaps, free())
    note()
    return size


def last_growth():
    """Bytes of the last growth."""
    return _areas[-1][0]


def shrink():
    """Give the last growth back: nothing lives in it any more."""
    global python
    size, region = _areas.pop()
    _regions[region] += size
    python -= size - 4


# Wi-Fi and what it carries.


def wifi(stage):
    """Wi-Fi goes on to a stage (1 to 3, see WIFI); OSError when there is no room for it."""
    global _wifi
    sweep()
    while _wifi < stage:
        if free() < WIFI[_wifi]:
            raise OSError("WiFi Out of Memory")
        wanted = WIFI[_wifi]
        for region in (1, 2, 0):
            part = wanted if not region else min(wanted, _regions[region])
            _regions[region] -= part
            wanted -= part
        _wifi += 1
        note()


def wifi_off():
    """active(False): the driver keeps what it has (as measured)."""
    global _wifi
    while _wifi > 1:
        _wifi -= 1
        _regions[0] += WIFI[_wifi] if _wifi == 1 else 0


def need(size, piece=0):
    """Whether so much is free, `piece` of it in one; what is garbage is collected for it."""
    sweep()
    return free() >= size and largest() >= piece


def track(thing, size, shaking=False):
    """`thing` (socket, session or context) takes memory as long as it is open and alive."""
    global _shaken
    place = id(thing)
    for one in _open:
        if one[1] == place:
            _forget(one)  # that one was collected
            break
    record = [gcmap.word(place), place, size, shaking, utime.ticks_ms(), 0]
    _open.append(record)
    _shaken = _shaken or size >= SESSION
    note()
    return record


def is_open(record):
    """Whether that of track() is still open and alive, when it was last looked at."""
    return any(one is record for one in _open)


def keep(size):
    """So much is gone until a reset."""
    _regions[0] -= size
    note()


def session_fits():
    """None, or the error number that a session meets for want of memory.

    The buffers come first: OSError(12). A handshake that runs short of memory mostly starves (the
    chip drops the packets it has no room for) and ends in a time-out.
    """
    sweep()
    if free() < BUFFERS or largest() < BUFFER:
        return errno.ENOMEM
    short = SESSION + HANDSHAKE - free()
    if short <= 0:
        return None
    note(SESSION)
    return errno.ETIMEDOUT if short <= HANDSHAKE // 2 else errno.ENOMEM


def certificate(data, first):
    """Bytes that a certificate takes in a context."""
    return len(data) * 14 // 10 + _CERTIFICATE + (0 if first else _NEXT)


def sweep():
    """Let go of what was closed or collected; True when anything was."""
    before = _taken()
    for one in _open[:]:
        if one[3]:
            _shake(one)
        if not gcmap.is_at(one[1], one[0]) or _closed(one):
            _forget(one)
    return _taken() != before


def _forget(one):
    global _gaps
    try:
        _open.remove(one)
    except ValueError:
        return  # heap.settle() was scheduled, came in between, and did it
    _gaps = _gaps + one[QUEUED] if any(other[QUEUED] for other in _open) else 0


def _shake(one):
    # mbedtls_ssl_context.state, behind a session's type, context, socket and configuration.
    late = utime.ticks_diff(utime.ticks_ms(), one[4]) > _LATE_MS
    state = uctypes.bytearray_at(one[1] + 32, 1)[0]
    if late or state == _SHAKEN:
        one[3] = False
        one[2] = SESSION
    elif state >= _ANSWERED:
        one[2] = SESSION + HANDSHAKE


def _closed(one):
    # Of C's structures: a socket's descriptor (-1 when closed), a session's socket (0).
    if one[2] == SOCKET:
        return uctypes.bytearray_at(one[1] + 8, 4)[3] == 0xFF
    return one[2] >= SESSION and not gcmap.word(one[1] + 16)
