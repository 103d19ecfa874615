# A clock one can turn, in place of the module `time`. MIT licence.

_HALF = 1 << 29  # ticks wrap at 2**30 on the chip; on a 64-bit host practically never


class Clock:
    """Stands in for the module `time`; sleeping only turns it."""

    def __init__(self, ticks=1000):
        self.now = ticks
        self.total = 0
        self.year = 2026

    def ticks_ms(self):
        return self.now & (2 * _HALF - 1)

    def ticks_add(self, ticks, delta):
        return (ticks + delta) & (2 * _HALF - 1)

    def ticks_diff(self, end, start):
        return ((end - start + _HALF) & (2 * _HALF - 1)) - _HALF

    def sleep_ms(self, ms):
        self.now += ms
        self.total += ms

    def gmtime(self):
        return (self.year, 1, 1, 0, 0, 0, 5, 1)
