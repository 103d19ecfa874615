# gc with the figures of an ESP32's heap. MIT licence.

import gc as _gc

from simchip import heap, idf

isenabled = _gc.isenabled
threshold = _gc.threshold


def collect():
    _gc.collect()
    heap.refresh()


def enable():
    _gc.enable()
    heap.automatic(True)


def disable():
    heap.automatic(False)
    _gc.disable()


def mem_alloc():
    """Bytes in use, as they would be on the chip."""
    return heap.used()


def mem_free():
    """As on the chip: also what a growth of the heap could still get."""
    return max(heap.size() - heap.used(), 0) + idf.largest()
