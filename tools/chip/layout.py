"""What a partition table must have before alink can live in it ("Partition Tables", ESP-IDF)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tools.chip import partition_csv, table
from tools.chip.nor import SECTOR
from tools.cli import Refused

TABLE_AT = table.TABLE_AT
OTADATA_SIZE = 2 * SECTOR
NVS_LEAST = 0x3000  # ESP-IDF's least for an NVS that is written to
VFS_LEAST = 0x10000
LABEL_LONGEST = 15
LARGEST_FLASH = 128 << 20

# App partitions that are no slots, and when the bootloader takes them (ESP-IDF:
# bootloader_utility_load_boot_image).
_OTHERS = {
    table.SUBTYPE_FACTORY: "while otadata is blank, as after flashing, and when no slot is valid",
    table.SUBTYPE_TEST: "when no slot is valid",
}

GET_TABLE = (
    "Use a table of boards/ (leave --partitions out), or add what is missing to yours; a table "
    "changes only by flashing, never over the air."
)


@dataclass(frozen=True)
class Layout:
    """A partition table that alink can live in, by the parts that flashing fills."""

    entries: tuple[table.Entry, ...]
    nvs: table.Entry
    otadata: table.Entry
    slots: tuple[table.Entry, ...]
    vfs: table.Entry

    @property
    def slot_size(self) -> int:
        """Bytes of the smallest slot: what an image may have."""
        return min(slot.size for slot in self.slots)

    @property
    def end(self) -> int:
        """The flash address after the last partition."""
        return max(entry.address + entry.size for entry in self.entries)

    def binary(self) -> bytes:
        """The table as it lies at 0x8000: rows, MD5 row, 0xFF."""
        return bytes(table.encode(list(self.entries)))


def load_layout(csv: Path, flash_size: int | None = None) -> Layout:
    """The layout of a partitions.csv. Raises Refused: unreadable, incomplete or too long."""
    try:
        entries = partition_csv.load(csv)
    except ValueError as exc:
        raise Refused(
            f"{csv}: {exc}", "See ESP-IDF's \"Partition Tables\" for a line's five fields."
        ) from None
    return layout_of(entries, flash_size, str(csv))


def layout_of(
    entries: list[table.Entry], flash_size: int | None = None, what: str = "the partition table"
) -> Layout:
    """The layout of these partitions; Refused names what is missing or wrong."""
    slots = [
        found[0]
        for n in range(table.ota_count(entries))
        for found in [table.find(entries, table.TYPE_APP, table.SUBTYPE_OTA_0 + n)]
    ]
    if len(slots) < 2:
        have = "one slot (ota_0)" if slots else "no slot (ota_0, ota_1)"
        raise Refused(
            f"{what} has {have}, and an update needs two: the new version is written to one while "
            "the other runs",
            GET_TABLE,
        )
    for subtype, when in _OTHERS.items():
        for other in table.find(entries, table.TYPE_APP, subtype):
            raise Refused(
                f"{what} has the app partition {other.label} besides its slots, and the "
                f"bootloader starts what is in it {when}, instead of your application",
                "Remove it from the table: its room is better used by ota_0 and ota_1.",
            )
    labels = [entry.label for entry in entries]
    for label in labels:
        if labels.count(label) > 1:
            raise Refused(f"{what} has two partitions {label}", "Give each its own name.")
    nvs = _one(entries, table.SUBTYPE_DATA_NVS, what, "nvs partition for the settings")
    otadata = _one(entries, table.SUBTYPE_DATA_OTA, what, "otadata partition to choose the slot")
    vfs = table.find(entries, table.TYPE_DATA, None, "vfs")
    if not vfs:
        raise Refused(f"{what} has no partition vfs for the board's file system", GET_TABLE)
    layout = Layout(tuple(entries), nvs, otadata, tuple(slots), vfs[0])
    _sizes(layout, what)
    limit = LARGEST_FLASH if flash_size is None else flash_size
    if layout.end > limit:
        raise Refused(
            f"{what} ends at {layout.end:#x}, and the flash at {limit:#x}",
            "Take the table of your flash's size (--flash-size), or shorten vfs.",
        )
    return layout


def _one(entries: list[table.Entry], subtype: int, what: str, name: str) -> table.Entry:
    found = table.find(entries, table.TYPE_DATA, subtype)
    if not found:
        raise Refused(f"{what} has no {name}", GET_TABLE)
    entry: table.Entry = found[0]
    return entry


def _sizes(layout: Layout, what: str) -> None:
    if layout.otadata.size != OTADATA_SIZE:
        raise Refused(f"{what}: otadata must have exactly {OTADATA_SIZE:#x} bytes", GET_TABLE)
    if layout.nvs.size < NVS_LEAST:
        raise Refused(f"{what}: nvs needs {NVS_LEAST:#x} bytes or more", GET_TABLE)
    if layout.vfs.size < VFS_LEAST:
        raise Refused(f"{what}: vfs needs {VFS_LEAST:#x} bytes or more", GET_TABLE)
    for entry in layout.entries:
        if entry.size % SECTOR:
            raise Refused(
                f"{what}: {entry.label} has {entry.size:#x} bytes, not whole sectors of 4096",
                GET_TABLE,
            )
        if len(entry.label.encode()) > LABEL_LONGEST:
            raise Refused(
                f"{what}: the name {entry.label!r} is longer than {LABEL_LONGEST}", GET_TABLE
            )
        if entry.address < TABLE_AT + SECTOR:
            raise Refused(
                f"{what}: {entry.label} lies at {entry.address:#x}, where bootloader and table "
                "are",
                f"The first free address is {TABLE_AT + SECTOR:#x}.",
            )
