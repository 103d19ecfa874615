"""What ESP-IDF's tools have put into NVS, for a board that keeps it in a form of its own."""

from __future__ import annotations

from tools.chip import nvs
from tools.chip.nor import SECTOR
from tools.sim.device.simchip import nvsstore


class PartitionCopy:
    """A partition in memory: what nvsstore.NvsLog works on where nothing may be changed."""

    def __init__(self, data: bytes) -> None:
        self.data = bytearray(data)

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of the copy."""
        return bytes(self.data[offset : offset + length])

    def erase(self, offset: int) -> None:
        """Erase one sector."""
        self.data[offset : offset + SECTOR] = b"\xff" * SECTOR

    def program(self, offset: int, data: bytes) -> None:
        """Program a range."""
        self.data[offset : offset + len(data)] = data


def taken_over(data: bytes) -> bytes | None:
    """The same content in the sim's form; None where ESP-IDF's tools have put nothing.

    Text (no part of MicroPython reads it) stays behind.
    """
    if not nvs.is_nvs(data):
        return None
    copy = PartitionCopy(b"\xff" * len(data))
    log = nvsstore.NvsLog(copy, len(data))
    for (namespace, key), value in nvs.Entries(data).values.items():
        if not isinstance(value, str):
            log.set(namespace, key, value)
    return bytes(copy.data)
