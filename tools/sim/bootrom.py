"""Which slot runs: ESP-IDF's second-stage bootloader with rollback, rule by rule.

The rules and their order are those of ESP-IDF's bootloader_utility.c (CONFIG_BOOTLOADER_APP_
ROLLBACK_ENABLE set, no factory app needed, no anti-rollback), which is what stock MicroPython
builds contain. Every change it makes to otadata is an operation of the flash, and can be cut.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tools.chip import image, otadata, table
from tools.chip.nor import SECTOR
from tools.sim.flash import Flash

_FACTORY = -1


@dataclass
class Choice:
    """What the boot ROM decided: the partition to run (None: nothing is bootable) and why."""

    entry: table.Entry | None
    log: list[str] = field(default_factory=list)


def load_table(flash: Flash) -> list[table.Entry]:
    """The partition table at 0x8000; ValueError when there is none."""
    entries: list[table.Entry] = table.parse(flash.read(table.TABLE_AT, table.TABLE_SIZE))
    return entries


def read_otadata(flash: Flash, entries: list[table.Entry]) -> list[otadata.SelectEntry]:
    """The two otadata entries as they are in flash; [] without an otadata partition."""
    found = table.find(entries, table.TYPE_DATA, table.SUBTYPE_DATA_OTA)
    if not found:
        return []
    at = found[0].address
    return [otadata.decode(flash.read(at + n * SECTOR, otadata.SIZE)) for n in (0, 1)]


class BootRom:
    """One pass of the bootloader over a flash."""

    def __init__(self, flash: Flash) -> None:
        self._flash = flash
        self._entries = load_table(flash)
        self._slots = table.ota_count(self._entries)
        self._log: list[str] = []

    def boot(self) -> Choice:
        """Choose, marking the entry chosen; PowerCut when an armed cut falls into that."""
        start, blank = self._select()
        order = [*range(start, _FACTORY - 1, -1), *range(start + 1, self._slots)]
        for index in order:
            entry = self._partition(index)
            if entry is None:
                continue
            fault = image.verify(self._flash.read, entry.address, entry.size, boot=True)
            if fault:
                self._log.append(f"image at 0x{entry.address:x} {fault}")
                name = "Factory app partition" if index < 0 else f"OTA app partition slot {index}"
                self._log.append(f"{name} is not bootable")
                continue
            if index >= 0 and blank:
                self._write(0, otadata.renewed(otadata.SelectEntry(), index + 1, otadata.VALID))
                self._log.append(f"Set actual ota_seq={index + 1} in otadata[0]")
            self._log.append(f"Loaded app from partition at offset 0x{entry.address:x}")
            return Choice(entry, self._log)
        self._log.append("No bootable app partitions in the partition table")
        return Choice(None, self._log)

    def _select(self) -> tuple[int, bool]:
        """(index to try first, whether otadata gets its first entry from what boots)."""
        if not table.find(self._entries, table.TYPE_DATA, table.SUBTYPE_DATA_OTA):
            return _FACTORY, False
        entries = read_otadata(self._flash, self._entries)
        for n in (0, 1):
            if entries[n].state == otadata.PENDING_VERIFY:
                # It ran, and was not confirmed before it ended.
                entries[n].state = otadata.ABORTED
                self._write(n, entries[n])
                self._log.append(f"otadata[{n}] is marked as ABORTED")
        if (entries[0].refused() and entries[1].refused()) or not self._slots:
            if self._partition(_FACTORY):
                self._log.append("Defaulting to factory image")
                return _FACTORY, False
            self._log.append("No factory image, trying OTA 0")
            blank = all(e.seq == otadata.BLANK_SEQ or not e.crc_ok() for e in entries)
            return 0, blank
        at = otadata.active(entries)
        if at < 0:
            self._log.append("ota data partition invalid, will try all partitions")
            return _FACTORY, False
        if entries[at].state == otadata.NEW:
            entries[at].state = otadata.PENDING_VERIFY
            self._write(at, entries[at])
            self._log.append(f"otadata[{at}] is selected as new and marked PENDING_VERIFY")
        return entries[at].slot(self._slots), False

    def _partition(self, index: int) -> table.Entry | None:
        subtype = table.SUBTYPE_FACTORY if index < 0 else table.SUBTYPE_OTA_0 + index
        found = table.find(self._entries, table.TYPE_APP, subtype)
        return found[0] if found else None

    def _write(self, index: int, entry: otadata.SelectEntry) -> None:
        base = table.find(self._entries, table.TYPE_DATA, table.SUBTYPE_DATA_OTA)[0].address
        self._flash.erase(base + index * SECTOR)
        self._flash.program(base + index * SECTOR, otadata.encode(entry))
