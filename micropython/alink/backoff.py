# When to sign in again: exponential with jitter, and never over the platform's limit. MIT licence.
#
# The platform takes 5 CONNECTs a minute from a device ("Limits", 30527). The limiter stands above
# everything else, so that not even an application that calls connect() in a loop breaks it.

import os
import time

from micropython import const

_FIRST_MS = const(2000)
_LONGEST_MS = const(120000)
_SLOW_MS = const(300000)
_WINDOW_MS = const(60000)
_WINDOW_CONNECTS = const(5)


# Ticks of a registration's attempts: the platform counts them as sign-ins.
_carried = []  # type: list[int]


class Backoff:
    """Knows when the next attempt may start. All times are milliseconds."""

    def __init__(self):
        self._failures = 0
        self._wait = 0
        self._since = time.ticks_ms()
        self._starts = _carried[:]

    def failed(self, slowly=False):
        """An attempt failed, or a session was lost: wait 2 s, 4 s .. 120 s; `slowly`: 5 min."""
        wait = _SLOW_MS if slowly else min(_FIRST_MS << min(self._failures, 6), _LONGEST_MS)
        self._failures += 1
        # A quarter more or less by chance, so that a fleet does not come back all at once.
        span = wait // 2
        self._wait = max(wait - span // 2 + _chance(span), _FIRST_MS)
        if not slowly:
            self._wait = min(self._wait, _LONGEST_MS)
        self._since = time.ticks_ms()

    def soon(self):
        """Something local is missing (the clock): look again in 2 s, however often."""
        self._wait = _FIRST_MS
        self._since = time.ticks_ms()

    def now(self):
        """The application asks: do not wait, save for the limiter."""
        self._wait = 0

    def reset(self):
        """A session has lasted: begin at 2 s next time."""
        self._failures = 0

    def wait_ms(self):
        """How long until the next attempt may start (int; 0: now)."""
        now = time.ticks_ms()
        waited = time.ticks_diff(now, self._since)
        # Negative: more than half the range of ticks (6 days) ago.
        if waited < 0 or waited >= self._wait:
            self._wait = 0
        return max(self._wait - waited if self._wait else 0, self._limit_ms(now))

    def started(self):
        """An attempt starts now: count it."""
        self._starts.append(time.ticks_ms())

    def carry(self):
        """Whoever signs in next in this run has made these attempts, too."""
        _carried[:] = self._starts

    def reason(self):
        """Why no attempt was made, or none has ended, in words."""
        if self._limit_ms(time.ticks_ms()):
            return "the platform allows 5 sign-ins a minute: wait for the next one"
        return "not signed in in time"

    def _limit_ms(self, now):
        starts = self._starts
        while starts and not 0 <= time.ticks_diff(now, starts[0]) <= _WINDOW_MS:
            starts.pop(0)
        if len(starts) < _WINDOW_CONNECTS:
            return 0
        return _WINDOW_MS + 1 - time.ticks_diff(now, starts[0])


def _chance(span):
    # 0..span-1; from the chip's noise, since a fleet may boot with equal seeds.
    return int.from_bytes(os.urandom(3), "big") % span
