"""A download with the heap locked while a piece moves: what allocates there fails."""

from __future__ import annotations

from tools.images.application import ALINK
from tools.images.homes import of, told

_MOVER = """
import micropython
from alink import parts

class Locked:
    # Stands in for job/moving.py.

    def __init__(self, plain):
        self.plain = plain
        self.read = plain.read

    def move(self, fetch):
        micropython.heap_lock()
        try:
            n = self.plain.move(fetch)
        finally:
            micropython.heap_unlock()
        moved(n)
        return n

plain_use = parts.use

def use(name):
    module = plain_use(name)
    return Locked(module) if name == "job.moving" else module

parts.use = use
"""

# Lines for an application that has a function moved(n): n bytes were carried, 0 while they wait.
MOVER = told(_MOVER.encode(), "app", of(ALINK)).decode()  # it has another name in an image
