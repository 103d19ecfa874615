"""Partition tables from ESP-IDF's CSV form ("Partition Tables" in the ESP-IDF guide)."""

from __future__ import annotations

from pathlib import Path

from tools.chip import table

TYPES = {"app": table.TYPE_APP, "data": table.TYPE_DATA}
SUBTYPES = {
    "app": {"factory": 0x00, "test": 0x20, **{f"ota_{n}": 0x10 + n for n in range(16)}},
    "data": {"ota": 0, "phy": 1, "nvs": 2, "nvs_keys": 4, "fat": 0x81, "spiffs": 0x82},
}


def _number(text: str) -> int:
    text = text.strip()
    scale = {"K": 1024, "M": 1024 * 1024}.get(text[-1:].upper(), 1)
    return int(text[:-1] if scale > 1 else text, 0) * scale


def from_csv(text: str) -> list[table.Entry]:
    """Entries of a partitions.csv; ValueError names the line that cannot be read.

    An empty offset follows the partition before (apps on 64 KiB, data on 4 KiB), as in ESP-IDF.
    """
    entries: list[table.Entry] = []
    free = 0x9000
    for number, line in enumerate(text.splitlines(), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        fields = [field.strip() for field in line.split(",")]
        try:
            label, kind, subtype, offset, size = fields[:5]
            align = 0x10000 if kind == "app" else 0x1000
            address = _number(offset) if offset else -(-free // align) * align
            number_of = SUBTYPES[kind][subtype] if subtype in SUBTYPES[kind] else _number(subtype)
            entry = table.Entry(TYPES[kind], number_of, address, _number(size), label)
        except (KeyError, ValueError) as exc:
            raise ValueError(f"partition table, line {number}: cannot read {line!r}") from exc
        if address % align:
            raise ValueError(
                f"partition table, line {number}: {label} is not aligned to {align:#x}"
            )
        if address < free and entries:
            raise ValueError(f"partition table, line {number}: {label} overlaps the one before")
        free = address + entry.size
        entries.append(entry)
    if not entries:
        raise ValueError("partition table: the CSV has no entries")
    return entries


def load(path: str | Path) -> list[table.Entry]:
    """Entries of a CSV file."""
    return from_csv(Path(path).read_text(encoding="utf-8"))
