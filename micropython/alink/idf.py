# The heap of ESP-IDF, on which mbedTLS, lwIP and Wi-Fi live. MIT licence. Loaded for a question.

import gc
import sys

from micropython import const

from . import parts

_WINDOW = const(6600)
_OPENING = const(31400)
_PIECE_MOST = const(55296)  # a growth that takes this is as good, and leaves 4 KB more
_REST = const(14000)  # with more than that in other pieces, further growths take it all
_PLENTY = const(200000)  # with PSRAM, or where a growth leaves enough

# Below this TLS cannot even send an alert, and lwIP drops packets.
_FREE_MIN = const(4096)
_LARGEST_MIN = const(2048)


def spare():
    """(bytes free, the largest piece), two int; None where there is no such heap."""
    try:
        from esp32 import HEAP_DATA, idf_heap_info
    except ImportError:
        return None
    free = largest = 0
    for region in idf_heap_info(HEAP_DATA):
        free += region[1]
        largest = max(largest, region[2])
    return free, largest


def room():
    """spare() with what reserve.py keeps, and what Python's heap takes without growing: three
    int, bytes; plenty where nothing tells, and where the heap has one size.
    """
    grows = sys.platform == "esp32"
    if grows:
        gc.collect()
    # Close behind each other: what the firmware calls free counts what a growth could get.
    python = gc.mem_free()
    found = spare()
    free, largest = found or (1 << 29, 1 << 29)
    python = max(python - largest, 0) if found and grows else 1 << 29
    return free + parts.kept, largest, python


def short():
    """Whether it is so low that any fault is the memory's. False where there is none."""
    found = spare()
    return found is not None and (found[0] < _FREE_MIN or found[1] < _LARGEST_MIN)


def poor():
    """Whether there is less than a TLS session takes while it is made."""
    found = spare()
    return found is not None and found[0] + parts.kept < _OPENING


def tight(more=0):
    """What there is (str), if it is too little for what TCP may have on its way, and `more` bytes
    (int); None: enough.

    A window has 5,760 bytes, in Wi-Fi's buffers of 1,600 a packet. With less, packets are dropped,
    and a connection crawls from one repetition to the next.
    """
    found = spare()
    if found is None or found[0] >= _WINDOW + more:
        return None
    return "idf %d free, %d in one piece" % found


def grows():
    """Whether growths of Python's heap would find pieces that the link cannot do without."""
    free, largest = spare() or (_PLENTY, 0)
    return free < _PLENTY and (
        largest > _PIECE_MOST or (not parts.kept and free - largest > _REST)
    )


def guard():
    """Keep from such a growth what the link needs (reserve.py), see parts.guard(). When Python has
    grown all the same, the link gets it.
    """
    if parts.reserve and short():
        parts.release()
    if grows():
        parts.ask("reserve", "fill")
