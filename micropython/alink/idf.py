# The heap of ESP-IDF, on which mbedTLS, lwIP and Wi-Fi live. MIT licence. Loaded for a question.

import gc

from micropython import const

_WINDOW = const(6600)
_OPENING = const(31400)

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
    """Bytes (int) that Python's heap takes without growing: behind a collection, and plenty where
    nothing tells.
    """
    found = spare()
    gc.collect()
    # What the firmware calls free counts what a growth could get.
    free = -1 if found is None else gc.mem_free() - found[1]
    return 1 << 29 if free < 0 else free


def short():
    """Whether it is so low that any fault is the memory's. False where there is none."""
    found = spare()
    return found is not None and (found[0] < _FREE_MIN or found[1] < _LARGEST_MIN)


def poor():
    """Whether there is less than a TLS session takes while it is made."""
    found = spare()
    return found is not None and found[0] < _OPENING


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
