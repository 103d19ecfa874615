"""What is in a board's flash, seen and changed from the desk."""

from __future__ import annotations

from pathlib import Path

from tools.chip import otadata, table
from tools.sim import vfs
from tools.sim.bootrom import load_table, read_otadata
from tools.sim.device.simchip import nvsstore
from tools.sim.errors import BoardError
from tools.sim.flash import Flash, Window
from tools.sim.idf_nvs import PartitionCopy, taken_over
from tools.sim.oplog import Counts, Op, OpLog


class FlashContents:
    """A flash file by its partitions. Looking is free; changing needs the board to be off."""

    def __init__(self, path: Path, log: OpLog) -> None:
        self.flash = Flash(path)
        self.entries = load_table(self.flash)
        self.log = log

    @property
    def is_on(self) -> bool:
        """Whether the flash is in use."""
        return False

    def otadata(self) -> list[otadata.SelectEntry]:
        """The two otadata entries in flash: seq, state, crc_ok(), usable(), slot(count)."""
        return read_otadata(self.flash, self.entries)

    def partition(self, label: str) -> table.Entry:
        """The partition of that label; KeyError."""
        found = table.find(self.entries, None, None, label)
        if not found:
            raise KeyError(f"no partition {label!r}")
        entry: table.Entry = found[0]
        return entry

    def partition_bytes(self, label: str) -> bytes:
        """The whole content of a partition."""
        entry = self.partition(label)
        return self.flash.read(entry.address, entry.size)

    def slot_bytes(self, index: int) -> bytes:
        """The whole content of an OTA slot."""
        return self.partition_bytes(self._slot(index).label)

    @property
    def ops(self) -> list[Op]:
        """Every flash operation of boot ROM and programs, oldest first."""
        return list(self.log.read(self.entries))

    @property
    def flash_ops(self) -> dict[str, Counts]:
        """Those operations summed per partition label."""
        counts: dict[str, Counts] = {entry.label: Counts() for entry in self.entries}
        for op in self.ops:
            count = counts.setdefault(op.partition, Counts())
            if op.kind == "erase":
                count.erases += 1
            else:
                count.programs += 1
                count.programmed_bytes += op.length
        return counts

    # Changing, from the desk, while the board is off.

    def write_slot(self, index: int, image: bytes) -> None:
        """Flash an image into an OTA slot; the rest of the slot is erased."""
        entry = self._slot(index)
        if len(image) > entry.size:
            raise ValueError(f"image of {len(image)} bytes, {entry.label} has {entry.size}")
        self._switched_off().fill(entry.address, image + b"\xff" * (entry.size - len(image)))

    def erase_partition(self, label: str) -> None:
        """Set a partition to 0xFF."""
        entry = self.partition(label)
        self._switched_off().fill(entry.address, b"\xff" * entry.size)

    def install_file(self, path: str, data: bytes | str) -> None:
        """Write a file on the board's file system (formatted when it is blank)."""
        data = data.encode() if isinstance(data, str) else data
        vfs.write_file(self._switched_off(), self.partition("vfs"), path, data)

    def read_file(self, path: str) -> bytes:
        """Content of a file on the board's file system."""
        return vfs.read_file(self._switched_off(), self.partition("vfs"), path)

    def remove_file(self, path: str) -> None:
        """Remove a file from the board's file system."""
        vfs.remove_file(self._switched_off(), self.partition("vfs"), path)

    def files(self) -> list[str]:
        """Every file on the board's file system."""
        return vfs.list_files(self._switched_off(), self.partition("vfs"))

    def nvs_set(self, namespace: str, key: str, value: int | bytes | str) -> None:
        """Store an i32 (int) or a blob (bytes; a str as UTF-8)."""
        self._nvs().set(namespace, key, value.encode() if isinstance(value, str) else value)

    def nvs_get(self, namespace: str, key: str) -> int | bytes | None:
        """The committed value, or None."""
        store = self._nvs(reading=True)
        return store.get(namespace, key) if store.has(namespace, key) else None

    def nvs_keys(self, namespace: str | None = None) -> list[tuple[str, str]]:
        """(namespace, key) of everything stored, or of one namespace."""
        keys: list[tuple[str, str]] = self._nvs(reading=True).keys()
        return [pair for pair in keys if namespace in (None, pair[0])]

    def nvs_erase(self, namespace: str, key: str | None = None) -> None:
        """Erase a key, or a whole namespace; what is not there is not missed."""
        store = self._nvs()
        for pair in store.keys():  # noqa: SIM118 (a NvsLog, not a dict)
            if pair[0] == namespace and key in (None, pair[1]):
                store.erase(*pair)

    def take_over_nvs(self) -> None:
        """Bring what ESP-IDF's tools have put into NVS (flash --provision) into the sim's form."""
        for entry in self._nvs_partitions():
            data = taken_over(self.flash.read(entry.address, entry.size))
            if data is not None:
                self._switched_off().fill(entry.address, data)

    def _nvs_partitions(self) -> list[table.Entry]:
        found: list[table.Entry] = table.find(
            self.entries, table.TYPE_DATA, table.SUBTYPE_DATA_NVS
        )
        return found[:1]

    def _nvs(self, reading: bool = False) -> nvsstore.NvsLog:
        (entry,) = self._nvs_partitions()
        if not reading:
            self.take_over_nvs()
            return nvsstore.NvsLog(Window(self._switched_off(), entry), entry.size)
        data = taken_over(self.flash.read(entry.address, entry.size))
        if data is not None:
            return nvsstore.NvsLog(PartitionCopy(data), entry.size)
        return nvsstore.NvsLog(Window(self.flash, entry), entry.size)

    def _slot(self, index: int) -> table.Entry:
        found = table.find(self.entries, table.TYPE_APP, table.SUBTYPE_OTA_0 + index)
        if not found:
            raise KeyError(f"no slot ota_{index}")
        entry: table.Entry = found[0]
        return entry

    def _switched_off(self) -> Flash:
        if self.is_on:
            raise BoardError("switch the board off first (power_cut): its flash is in use")
        return self.flash
