"""The time the stand-in lives in: the host's, plus what a test moved it ahead.

Every limit measured in seconds (keep alive, task time-outs, expiring links, CONNECTs a minute)
asks this clock, so that a test moves the time instead of sleeping through it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio


class Timer:
    """A call due at some time of the clock. `cancel()` may be called at any time."""

    def __init__(self, clock: Clock, due: float, call: Callable[[], None]) -> None:
        self._clock, self._due, self._call = clock, due, call
        self._handle: asyncio.TimerHandle | None = None
        self.arm()

    def arm(self) -> None:
        """Ask the event loop again, after the clock was moved."""
        import asyncio  # slow to load, and a command that only asks for the time has no loop

        if self._handle is not None:
            self._handle.cancel()
        delay = max(0.0, self._due - self._clock.monotonic())
        self._handle = asyncio.get_running_loop().call_later(delay, self._fire)

    def cancel(self) -> None:
        """The call will not be made."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self._clock.forget(self)

    def _fire(self) -> None:
        self._clock.forget(self)
        self._call()


class Clock:
    """Wall time, monotonic time and timers, all moved together by `advance`."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self._timers: set[Timer] = set()

    def time(self) -> float:
        """Seconds since 1970."""
        return time.time() + self._ahead

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        return time.monotonic() + self._ahead

    def call_later(self, delay_s: float, call: Callable[[], None]) -> Timer:
        """Call `call` in `delay_s` seconds, from the event loop."""
        timer = Timer(self, self.monotonic() + delay_s, call)
        self._timers.add(timer)
        return timer

    def forget(self, timer: Timer) -> None:
        """A timer is over."""
        self._timers.discard(timer)

    def advance(self, seconds: float) -> None:
        """Move the time ahead; what became due is called in the loop's next turn."""
        self._ahead += seconds
        for timer in list(self._timers):
            timer.arm()

    def stop(self) -> None:
        """Cancel every timer."""
        for timer in list(self._timers):
            timer.cancel()
