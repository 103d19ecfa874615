"""How long the desk waits for a board."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass


@dataclass(frozen=True)
class Patience:
    """How long a board may take, in seconds."""

    ask: float = 1.0  # for each answer, while it is asked for its REPL
    start: float = 40.0  # to start, or to be through with a long call: to have a REPL at all
    strange: float = 20.0  # to stop saying something else than that
    settle: float = 30.0  # to be through with what it was asked while it started
    announce: float = 5.0  # for a soft reset to be announced
    boot: float = 40.0  # for boot.py after a soft reset
    window: float = 10.0  # to take the next bytes of a program
    first: float = 1.0  # the same for the first question; twice as long each time it is repeated
    quiet: float = 0.3  # until what it says is taken for the end of it
    read: float = 1.0
    write: float = 5.0
    tell: float = 3.0  # until a person is told what is waited for

    def scaled(self, factor: float) -> Patience:
        """The same for a board that is so many times as slow."""
        values = dataclasses.asdict(self)
        return Patience(**{name: value * factor for name, value in values.items()})


PATIENCE = Patience()
