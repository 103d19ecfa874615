"""A download with the heap locked while a piece moves: what allocates there fails."""

from __future__ import annotations

from tools.images.application import ALINK
from tools.images.homes import of, told

_MOVER = """
import micropython
from alink import parts

class Locked:
    # Stands in for job/moving.py, or for what moves of a package.

    def __init__(self, plain):
        self.plain = plain

    def __getattr__(self, name):
        return getattr(self.plain, name)

    def move(self, fetch):
        if fetch.state == 9:
            # With its first byte the inflater of a package takes its window.
            return self.plain.move(fetch)
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
    if name == "job.moving" or name == "job.unpack":
        return Locked(module)
    return module

parts.use = use
"""

# Lines for an application that has a function moved(n): n bytes were carried, 0 while they wait
# (of a package: until all have been).
MOVER = told(_MOVER.encode(), "app", of(ALINK)).decode()  # it has another name in an image
