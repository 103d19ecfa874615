"""What became of a small board's memory: the figures that a run with heap="esp32" leaves."""

from __future__ import annotations

from dataclasses import dataclass

ESP32 = "esp32"
ESP32_KIB = 768  # of the interpreter; what the chip does not have is filled (simchip/heap.py)

IDF_BOOT = 139_600


@dataclass
class HeapFigures:
    """One boot's memory, in bytes of an ESP32 without PSRAM. Python: its own heap, with Python
    objects as large as there; IDF: the heap that Wi-Fi and TLS live on."""

    python_size: int = 57_345  # what Python has taken for its heap
    python_alive: int = 0  # after the last collection
    python_high: int = 0  # the highest of those
    growths: int = 0  # how often Python took of the IDF heap
    idf_free: int = IDF_BOOT
    idf_largest: int = 110_592
    idf_low: int = IDF_BOOT  # the lowest that was ever free

    def update(self, line: str) -> str | None:
        """Take a line of the program's; returns what is to be said of it, or None."""
        kind, *numbers = line.split()
        if kind == "X":
            return "heap: locked or too full to be looked at: its figures are no longer true"
        size, alive, free, largest, low = (int(number) for number in numbers)
        self.python_size, self.python_alive = size, alive
        self.idf_free, self.idf_largest, self.idf_low = free, largest, low
        self.python_high = max(self.python_high, alive)
        if kind == "L":
            return None
        self.growths += kind == "G"
        did = "grew to" if kind == "G" else "fell back to"
        return f"heap: Python {did} {size // 1024} KB, IDF {free:,} free"

    def __str__(self) -> str:
        times = {0: "never grew", 1: "grew once"}.get(self.growths, f"grew {self.growths} times")
        return (
            f"Python {self.python_high:,} alive at most, {times}; "
            f"IDF {self.idf_low:,} free at least, {self.idf_free:,} in the end"
        )
