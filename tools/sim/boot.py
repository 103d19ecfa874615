"""One boot of a board: why it came, what the boot ROM found, how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field

from tools.chip import otadata
from tools.sim.heap import HeapFigures

PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5
CAUSES = {1: "POWERON", 2: "SW", 3: "TASK_WDT", 4: "DEEPSLEEP", 5: "SOFT"}

# Resets that come from outside: what the boot ROM calls them, and what MicroPython makes of them
# (0: of what is new on S3, C3 and C6, and of what nobody can tell).
RESETS = {
    "brownout": ("BROWNOUT", PWRON_RESET),
    "button": ("EXT", HARD_RESET),
    "watchdog": ("RTC_WDT", WDT_RESET),
    "usb": ("USB_UART_CHIP", 0),
    "jtag": ("JTAG_CPU", 0),
    "glitch": ("PWR_GLITCH", 0),
    "unknown": ("UNKNOWN", 0),
}


@dataclass
class Boot:
    """One run of a program, from the boot ROM's choice to its end."""

    number: int
    cause: int
    slot: int | None = None  # OTA slot number; None: nothing was bootable, or a factory app
    otadata_before: list[otadata.SelectEntry] = field(default_factory=list)
    otadata_after: list[otadata.SelectEntry] = field(default_factory=list)
    log: list[str] = field(default_factory=list)  # what the bootloader had to say
    ended: str | None = None  # None while it runs, see Board.boots
    at_repl: bool = False  # boot.py and main.py are through
    exception: str | None = None  # name of the exception that ended boot.py or main.py
    text: str = ""  # what a panic or a violation said
    started: float | None = None  # time.monotonic() when boot.py began
    heap: HeapFigures | None = None  # with heap="esp32"
