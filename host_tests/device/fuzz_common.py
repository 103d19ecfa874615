# Many inputs out of a file, one after the other, and the heap after each. MIT licence.

import gc
import sys
import time

from alink import errors

_SLACK = 2048  # bytes by which the heap may differ: interned names, a list that grew once
_SETTLE = 20  # inputs after which the heap is taken as settled
_IN_A_ROW = 10  # a stale word on the stack may keep an object alive for an input or two
_LONGEST_MS = 100000  # of real time, on a machine that may be busy, for what takes milliseconds


def records(path):
    """Each length-prefixed input of a file (bytes)."""
    with open(path, "rb") as file:
        while True:
            head = file.read(4)
            if len(head) < 4:
                return
            yield file.read(int.from_bytes(head, "big"))


class Run:
    """Prints what host_tests/long/fuzz/on_device.py reads."""

    def __init__(self):
        self.index = 0
        self.peak = 0
        self.slowest = 0
        self._settled = None
        self._over = 0

    def bad(self, why):
        print("BAD", self.index, why)

    def _watch(self, held):
        if held <= self._settled + _SLACK:
            self._over = 0
            return
        self._over += 1
        if self._over == _IN_A_ROW:
            self.bad("holds %d bytes more than before" % (held - self._settled))
            self._settled = held
            self._over = 0

    def all(self, path, one):
        """Call one(data) for each input; whatever it raises is a finding, and so is a leak."""
        errors.AlinkError(errors.LINK)  # loads the table of advice, which then stays
        for i, data in enumerate(records(path)):
            self.index = i
            print("at", i)
            began = time.ticks_ms()
            try:
                one(data)
            except Exception as exc:
                self.bad("raised %s: %r" % (type(exc).__name__, exc.args))
                sys.print_exception(exc)
            took = time.ticks_diff(time.ticks_ms(), began)
            self.slowest = max(self.slowest, took)
            if took > _LONGEST_MS:
                self.bad("took %d ms" % took)
            data = None
            gc.collect()
            held = gc.mem_alloc()
            self.peak = max(self.peak, held)
            if i == _SETTLE:
                self._settled = held
            elif i > _SETTLE:
                self._watch(held)
        print("DONE held=%d slowest_ms=%d" % (self.peak, self.slowest))
