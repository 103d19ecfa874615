# The binary partition table at 0x8000 ("Partition Tables" in the ESP-IDF guide). MIT licence.
#
# Runs under CPython and, in the sim, under MicroPython (esp32.Partition): nothing but struct and
# hashlib.

import hashlib
import struct

TABLE_AT = 0x8000
TABLE_SIZE = 0xC00

TYPE_APP = 0
TYPE_DATA = 1
SUBTYPE_FACTORY = 0x00
SUBTYPE_OTA_0 = 0x10
SUBTYPE_TEST = 0x20
SUBTYPE_DATA_OTA = 0x00
SUBTYPE_DATA_NVS = 0x02

ROW_SIZE = 32
MAGIC = b"\xaa\x50"  # a row of the table begins with it

_ROW = "<2sBBII16sI"
_MD5_MAGIC = b"\xeb\xeb"


class Entry:
    """One partition: type, subtype, address, size (int, bytes), label (str), encrypted (bool)."""

    def __init__(
        self, type: int, subtype: int, address: int, size: int, label: str, flags: int = 0
    ) -> None:
        self.type = type
        self.subtype = subtype
        self.address = address
        self.size = size
        self.label = label
        self.flags = flags
        self.encrypted = bool(flags & 1)

    def __repr__(self) -> str:
        return "<%s type=%d subtype=%d at 0x%x size 0x%x>" % (
            self.label,
            self.type,
            self.subtype,
            self.address,
            self.size,
        )

    def ota_index(self) -> "int | None":
        """The slot number when this is ota_0..ota_15, else None."""
        if self.type == TYPE_APP and SUBTYPE_OTA_0 <= self.subtype < SUBTYPE_OTA_0 + 16:
            return self.subtype - SUBTYPE_OTA_0
        return None


def encode(entries: "list[Entry]") -> bytes:
    """The 3072-byte table of these entries: rows of 32 bytes, an MD5 row, then 0xFF."""
    rows = b""
    for e in entries:
        label = e.label.encode()
        rows += struct.pack(_ROW, MAGIC, e.type, e.subtype, e.address, e.size, label, e.flags)
    md5 = _MD5_MAGIC + b"\xff" * 14 + hashlib.md5(rows).digest()
    out = rows + md5
    return out + b"\xff" * (TABLE_SIZE - len(out))


def rows(data: bytes) -> "list[Entry]":
    """The entries at the start of `data`, up to the first row that is none; nothing is judged."""
    found = []
    at = 0
    while data[at : at + 2] == MAGIC and at + ROW_SIZE <= len(data):
        _, type, subtype, address, size, label, flags = struct.unpack(
            _ROW, data[at : at + ROW_SIZE]
        )
        name = label.split(b"\0")[0].decode("utf-8", "replace")
        found.append(Entry(type, subtype, address, size, name, flags))
        at += ROW_SIZE
    return found


def parse(data: bytes) -> "list[Entry]":
    """The entries (list of Entry) of a binary table; ValueError says what is wrong with it."""
    entries: "list[Entry]" = []
    at = 0
    while at < len(data):
        magic = bytes(data[at : at + 2])
        if magic == b"\xff\xff":
            break
        if magic == _MD5_MAGIC:
            if bytes(data[at + 16 : at + ROW_SIZE]) != hashlib.md5(bytes(data[:at])).digest():
                raise ValueError("partition table: MD5 does not match")
            at += ROW_SIZE
            continue
        found = rows(data[at:])
        if not found:
            value = int.from_bytes(magic, "little")
            raise ValueError("partition table: row %d has magic 0x%04x" % (at // ROW_SIZE, value))
        entries += found
        at += ROW_SIZE * len(found)
    if not entries:
        raise ValueError("partition table: empty (no table at 0x%x?)" % TABLE_AT)
    return entries


def find(
    entries: "list[Entry]",
    type: "int | None" = None,
    subtype: "int | None" = None,
    label: "str | None" = None,
) -> "list[Entry]":
    """Entries that match everything given, in table order."""
    return [
        e
        for e in entries
        if (type is None or e.type == type)
        and (subtype is None or e.subtype == subtype)
        and (label is None or e.label == label)
    ]


def ota_count(entries: "list[Entry]") -> int:
    """How many OTA slots there are, counted from ota_0 without a gap, as ESP-IDF counts."""
    count = 0
    while find(entries, TYPE_APP, SUBTYPE_OTA_0 + count):
        count += 1
    return count
