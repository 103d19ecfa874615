"""The deadlines of a board that runs: its watchdog and its timers. Seconds; now: monotonic."""

from __future__ import annotations


class Deadlines:
    """What rings next. Timers end with a run; the watchdog goes on over a soft reset."""

    def __init__(self) -> None:
        self._watchdog: tuple[float, float] | None = None  # (deadline, timeout)
        self._timers: dict[int, tuple[float, float, bool]] = {}  # (deadline, period, repeats)

    def begin(self, soft: bool) -> None:
        """A run begins, after a soft reset or another one."""
        self._timers.clear()
        if not soft:
            self._watchdog = None

    def arm(self, timeout: float, now: float) -> None:
        """Start the watchdog, or give it another time."""
        self._watchdog = (now + timeout, timeout)

    def feed(self, now: float) -> None:
        """Feed it, if there is one."""
        if self._watchdog:
            self.arm(self._watchdog[1], now)

    def start(self, number: int, period: float, repeats: bool, now: float) -> None:
        """Start a timer."""
        self._timers[number] = (now + period, max(period, 0.001), repeats)

    def stop(self, number: int) -> None:
        """Stop a timer, if it runs."""
        self._timers.pop(number, None)

    def left(self, now: float) -> float | None:
        """How long until the next one; None: there is none."""
        deadlines = [deadline for deadline, _, _ in self._timers.values()]
        if self._watchdog:
            deadlines.append(self._watchdog[0])
        return max(0.0, min(deadlines) - now) if deadlines else None

    def rang(self, now: float) -> list[int]:
        """The timers that are due; those that repeat are started again."""
        due = [number for number, timer in self._timers.items() if now >= timer[0]]
        for number in due:
            deadline, period, repeats = self._timers.pop(number)
            if repeats:
                self._timers[number] = (max(deadline + period, now), period, True)
        return due

    def bites(self, now: float) -> bool:
        """Whether nobody has fed the watchdog in time."""
        return self._watchdog is not None and now >= self._watchdog[0]
