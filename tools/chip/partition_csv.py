"""Partition tables from ESP-IDF's CSV form ("Partition Tables" in the ESP-IDF guide)."""

from __future__ import annotations

from pathlib import Path

from tools.chip import table
from tools.texts import decoded

TYPES = {"app": table.TYPE_APP, "data": table.TYPE_DATA}
SUBTYPES: dict[int, dict[str, int]] = {
    table.TYPE_APP: {"factory": 0x00, "test": 0x20, **{f"ota_{n}": 0x10 + n for n in range(16)}},
    table.TYPE_DATA: {
        "ota": 0,
        "phy": 1,
        "nvs": 2,
        "coredump": 3,
        "nvs_keys": 4,
        "efuse": 5,
        "undefined": 6,
        "esphttpd": 0x80,
        "fat": 0x81,
        "spiffs": 0x82,
        "littlefs": 0x83,
        "tee_ota": 0x90,
    },
}
FLAGS = {"encrypted": 1, "readonly": 2}
_FIELDS = 6


def _number(text: str) -> int:
    text = text.strip()
    scale = {"K": 1024, "M": 1024 * 1024}.get(text[-1:].upper(), 1)
    return int(text[:-1] if scale > 1 else text, 0) * scale


def _named(text: str, names: dict[str, int]) -> int:
    """A name, or a number that fits into a byte."""
    value = names[text] if text in names else _number(text)
    if not 0 <= value <= 0xFF:
        raise ValueError(text)
    return value


def _subtype(text: str, kind: int) -> int:
    if not text and kind != table.TYPE_APP:
        return SUBTYPES[table.TYPE_DATA]["undefined"]
    return _named(text, SUBTYPES.get(kind, {}))


def _flags(text: str) -> int:
    flags = 0
    for flag in filter(None, text.split(":")):
        flags |= FLAGS[flag]
    return flags


def from_csv(text: str) -> list[table.Entry]:
    """Entries of a partitions.csv; ValueError names the line that cannot be read.

    As ESP-IDF's own tool reads it: types and subtypes by name or number, an empty subtype of data
    is `undefined`, an empty offset follows the partition before (apps on 64 KiB, data on 4 KiB),
    a negative size is where it ends, and flags stand last, with colons between.
    """
    entries: list[table.Entry] = []
    free = 0x9000
    for number, line in enumerate(text.splitlines(), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        fields = [field.strip() for field in line.split(",")]
        fields += [""] * (_FIELDS - len(fields))
        try:
            label, kind, subtype, offset, length, flags = fields[:_FIELDS]
            type_ = _named(kind, TYPES)
            align = 0x10000 if type_ == table.TYPE_APP else 0x1000
            address = _number(offset) if offset else -(-free // align) * align
            size = _number(length)
            if size < 0:
                size = -size - address
            if size <= 0 or any(fields[_FIELDS:]) or not label.isprintable():
                raise ValueError(line)
            entry = table.Entry(
                type_, _subtype(subtype, type_), address, size, label, _flags(flags)
            )
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
    """Entries of a CSV file. Raises Refused where it is no text, ValueError."""
    return from_csv(decoded(Path(path).read_bytes(), path))
