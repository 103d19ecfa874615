# A package on its way into a slot: a source that gives what a test lets it. MIT licence.

import hashlib
import sys

import micropython
from alink import errors, log, parts
from alink.errors import AlinkError
from alink.job import download, fetch, offer, slot
from flash_fakes import Partition, fill

# A test holds their functions while parts.drop() goes its rounds.
KEPT = "aside checkpoint download fetch offer package slot unpack"
for name in KEPT.split():
    name = "alink.job." + name
    __import__(name)
    sys.modules[name].keep = True
log.level = 0


class Source(download.Source):
    """Serves `body`, `gives` bytes at once, none yet from byte `until` on; raises `broken`.

    dry: bool, nothing has come yet at every second call. void: the byte at which what it gave of
    the last 4096 has to come once more, as a damaged block over MQTT, or None.
    """

    broken = void = None
    dry = waits = False

    def __init__(self, body, gives=1024):
        super().__init__()
        self.body = memoryview(body)
        self.gives = gives
        self.at = 0
        self.until = len(body)
        self.opened = []

    def open(self, file, offset, size):
        self.opened.append(offset)
        self.at = offset
        self.stream = self
        return offset

    def readinto(self, buf, n):
        if self.broken is not None:
            raise self.broken
        self.waits = self.dry and not self.waits
        if self.waits:
            return None
        at = self.at
        if self.void is not None and at >= self.void:
            self.void = None
            self.at -= at % 4096
            return -1
        n = min(n, self.gives, self.until - at)
        if not n:
            return None if at < len(self.body) else 0
        body = self.body
        for i in range(n):
            buf[i] = body[at + i]
        self.at = at + n
        return n

    def close(self):
        self.stream = None


class Any(slot.Slot):
    """A slot that takes what is no image, too; shown: what it was shown before."""

    shown = None

    def look(self, block, size):
        assert not Partition.written, "written before anybody had a look"
        self.shown = (bytes(block[:16]), size)


def loading(body, gives=1024, target=None, digest=None):
    """-> Download of `body` (bytes), a job's file, begun; the slots are as they were."""
    digest = digest or hashlib.sha256(body).digest()
    file = offer.File(len(body), "sha256", digest, "https://here/x.alp")
    one = fetch.Download(None, {"tries": 1})
    Partition.written = 0
    Partition.erased.clear()
    parts.ask(
        "job.checkpoint", "start", one, file, "default/2/x", Source(body, gives), target or Any()
    )
    return one


def moving(body, **more):
    """-> loading(), as far as its first block: made, looked at, and not yet written."""
    one = loading(body, **more)
    while one.state != 7:
        assert not one.step()
        assert not Partition.written
    return one


def without_heap(one, blocks):
    """Its steps until so many blocks are in the slot: none behind the first may allocate, with
    which what moves is loaded.
    """
    while not Partition.written:
        assert not one.step()
    micropython.heap_lock()
    try:
        while Partition.written < blocks:
            assert not one.step()
    finally:
        micropython.heap_unlock()


def through(one):
    """All its steps, then those of its target: what the slot holds (bytes)."""
    while not one.step():
        pass
    while not one.target.finish():
        pass
    return bytes(Partition.slots[1][: one.target.size])


def refused(one):
    """-> the AlinkError that ends the download `one`."""
    try:
        while not one.step():
            pass
    except AlinkError as e:
        assert e.step, e
        return e
    raise AssertionError("taken")


__all__ = (
    "AlinkError",
    "Any",
    "Partition",
    "Source",
    "download",
    "errors",
    "fetch",
    "fill",
    "parts",
)
