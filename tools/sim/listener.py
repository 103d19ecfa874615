"""What a runner wants of the board it runs, and who hears what it does."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from tools.sim.boot import Boot
from tools.sim.flash import Cut
from tools.sim.oplog import OpLog
from tools.sim.tape import Tape


class Hardware(Protocol):
    """What a runner has to know of the board it runs (see Board). Read at each boot."""

    path: Path
    log: OpLog
    tape: Tape | None
    cut: Cut | None
    command: list[str]
    environment: dict[str, str]
    heap: str | None
    heap_kib: int
    state_file: Path
    settings_file: Path
    ticks_wrap_ms: int
    wifi_delay_ms: int
    unique_id: str
    mounts: dict[str, str]
    python_path: list[str]

    @property
    def ethernet(self) -> str:
        """Whether there is a PHY chip."""

    def clock_at_power_on(self) -> int:
        """Seconds from the host's clock to the board's."""


class BoardListener(Protocol):
    """Who hears what the board does, from the runner's thread (see History)."""

    def begin(self, cause: int) -> Boot:
        """A boot begins."""

    def end(self, how: str) -> None:
        """It is over."""

    def started(self) -> None:
        """boot.py begins."""

    def raised(self, name: str) -> None:
        """boot.py or main.py ended with an exception."""

    def at_repl(self) -> None:
        """boot.py and main.py are through."""

    def heap(self, line: str) -> None:
        """Figures of its memory."""

    def panicked(self, text: str) -> None:
        """ESP-IDF gave up."""

    def violated(self, text: str) -> None:
        """A rule of the flash was broken."""

    def unbootable(self) -> None:
        """There is nothing to start."""

    def failed(self, error: Exception) -> None:
        """The sim itself failed."""

    def went_off(self) -> None:
        """The power is gone."""

    def output(self, data: bytes) -> None:
        """What the program printed."""

    def line(self, text: str) -> None:
        """A line of the boot ROM's."""
