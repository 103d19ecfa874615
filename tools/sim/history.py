"""What a board did since it was made: its boots and its console, and the way to wait for more."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from tools.sim.boot import Boot
from tools.sim.errors import BoardTimeout, FlashViolation
from tools.sim.heap import HeapFigures

_TAIL = 4000  # characters of console shown when a wait fails


class History:
    """Written by the runner's thread (see listener.py), read by everybody.

    `bricked`: the boot ROM found nothing to start. `violation`: which rule of the flash chip the
    program broke. `failure`: what went wrong in the sim itself. `on_line` gets each line.
    """

    def __init__(self, on_line: Callable[[str], None] | None) -> None:
        self.boots: list[Boot] = []
        self.console: list[tuple[float, str]] = []  # (time.monotonic(), line)
        self.bricked = False
        self.violation = ""
        self.failure: Exception | None = None
        self._on_line = on_line
        self._partial = ""
        self._changed = threading.Condition(threading.RLock())

    def power_on(self) -> None:
        """What holds for one life under power begins anew."""
        self.bricked, self.violation, self.failure = False, "", None

    def wait_for(
        self,
        predicate: Callable[[], object],
        is_on: Callable[[], bool],
        timeout_s: float,
        what: str,
    ) -> None:
        """Wait until predicate() is true; it is asked again whenever the board does something.

        Raises BoardError when the sim failed, FlashViolation, BoardTimeout.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not predicate():
                if self.failure is not None:
                    raise RuntimeError(
                        f"the sim itself failed: {self.failure!r}"
                    ) from self.failure
                if self.violation and not is_on():
                    raise FlashViolation(f"{self.violation}\n{self._tail()}")
                left = deadline - time.monotonic()
                if left <= 0:
                    raise BoardTimeout(f"no {what} within {timeout_s:g} s\n{self._tail()}")
                self._changed.wait(min(left, 0.05))  # the predicate may look elsewhere too

    def _tail(self) -> str:
        ends = [f"#{boot.number} slot {boot.slot} ended: {boot.ended}" for boot in self.boots[-3:]]
        return "boots: " + "; ".join(ends) + "\n" + self.text()[-_TAIL:]

    def text(self) -> str:
        """Everything on the console, what has no line's end yet included."""
        with self._changed:
            return "\n".join([*(line for _, line in self.console), self._partial])

    # What the runner tells.

    def begin(self, cause: int) -> Boot:
        """A boot, whose cause of reset is this one."""
        with self._changed:
            boot = Boot(number=len(self.boots) + 1, cause=cause)
            self.boots.append(boot)
            self._changed.notify_all()
            return boot

    def end(self, how: str) -> None:
        """The boot is over."""
        self._note(ended=how)
        if self._partial:
            self.output(b"\n")

    def started(self) -> None:
        """boot.py begins."""
        self._note(started=time.monotonic())

    def raised(self, name: str) -> None:
        """boot.py or main.py ended with an exception of this name."""
        self._note(exception=name)

    def at_repl(self) -> None:
        """boot.py and main.py are through."""
        self._note(at_repl=True, ended="exit")

    def heap(self, line: str) -> None:
        """A line of the program's about its memory (see HeapFigures)."""
        boot = self.boots[-1]
        if boot.heap is None:
            self._note(heap=HeapFigures())
        assert boot.heap is not None
        said = boot.heap.update(line)
        if said is not None:
            self.line(said)

    def panicked(self, text: str) -> None:
        """ESP-IDF gave up, and resets."""
        self._note(text=text)
        self.line(f"rom: Guru Meditation: {text}")
        self.line("rom: Rebooting...")

    def violated(self, text: str) -> None:
        """The program broke a rule of the flash: nothing goes on behind that."""
        self._note(text=text)
        self.violation = f"flash rule broken: {text}"
        self.line(f"rom: {self.violation}; the board is stopped")

    def unbootable(self) -> None:
        """The boot ROM found nothing to start."""
        self.bricked = True
        self.end("no-boot")

    def failed(self, error: Exception) -> None:
        """The sim itself failed."""
        self.failure = error

    def went_off(self) -> None:
        """No power any more."""
        with self._changed:
            self._changed.notify_all()

    def output(self, data: bytes) -> None:
        """What the program printed."""
        *lines, rest = (self._partial + data.decode("utf-8", "replace")).split("\n")
        with self._changed:
            self._partial = rest
        for line in lines:
            self.line(line.rstrip("\r"))

    def line(self, text: str) -> None:
        """A line of the console, the program's or ("rom: ...") the boot ROM's."""
        with self._changed:
            self.console.append((time.monotonic(), text))
            self._changed.notify_all()
        if self._on_line is not None:
            self._on_line(text)

    def _note(self, **changes: object) -> None:
        with self._changed:
            for name, value in changes.items():
                setattr(self.boots[-1], name, value)
            self._changed.notify_all()
