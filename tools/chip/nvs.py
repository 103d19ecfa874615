"""NVS as ESP-IDF keeps it in flash ("Non-Volatile Storage Library"): what a partition holds."""

from __future__ import annotations

import binascii
import struct
from collections.abc import Iterator

from tools.chip.nor import SECTOR

Value = int | str | bytes
Name = tuple[str, str]  # namespace, key
PAGE = SECTOR

_STATES = (0xFFFFFFFE, 0xFFFFFFFC, 0xFFFFFFF8)  # in use, full, being emptied into another
_HEAD = 32
_BITMAP = 32  # two bits an entry
_ENTRY = 32
_ENTRIES = 126
_WRITTEN = 0b10

_NUMBERS = {
    0x01: "<B",
    0x11: "<b",
    0x02: "<H",
    0x12: "<h",
    0x04: "<I",
    0x14: "<i",
    0x08: "<Q",
    0x18: "<q",
}
_TEXT = 0x21
_BLOB = 0x41  # of one piece, by ESP-IDF before 3.2
_BLOB_DATA = 0x42
_BLOB_INDEX = 0x48


class Entries:
    """The content of an NVS partition. Its `values` by (namespace, key), text without its NUL;
    `unread`: how many entries are there that do not check (encrypted, or damaged)."""

    def __init__(self, data: bytes) -> None:
        self._names: dict[int, str] = {}
        self._parts: dict[tuple[int, bytes, int], bytes] = {}
        self._found: dict[tuple[int, bytes], tuple[int, bytes]] = {}  # type, what it holds
        self.unread = 0
        for page in _pages(data):
            self._page(page)
        self.values: dict[Name, Value] = {}
        for (number, key), (kind, held) in self._found.items():
            value = self._value(number, key, kind, held)
            if value is not None and number in self._names:
                self.values[(self._names[number], key.decode("utf-8", "replace"))] = value

    def _page(self, page: bytes) -> None:
        at = 0
        while at < _ENTRIES:
            if _state(page, at) != _WRITTEN:
                at += 1
                continue
            start = _HEAD + _BITMAP + at * _ENTRY
            entry = page[start : start + _ENTRY]
            number, kind, span = entry[0], entry[1], entry[2]
            crc = int.from_bytes(entry[4:8], "little")
            if _crc(entry[:4] + entry[8:]) != crc or not 0 < span <= _ENTRIES - at:
                self.unread += 1
                at += 1
                continue
            self._entry(number, kind, entry, page[start + _ENTRY : start + span * _ENTRY])
            at += span

    def _entry(self, number: int, kind: int, entry: bytes, behind: bytes) -> None:
        chunk, key, held = entry[3], entry[8:24].split(b"\0")[0], entry[24:]
        if kind in (_TEXT, _BLOB, _BLOB_DATA):
            size, crc = struct.unpack("<H2xI", held)
            data = behind[:size]
            if len(data) != size or _crc(data) != crc:
                self.unread += 1
            elif kind == _BLOB_DATA:
                self._parts[(number, key, chunk)] = data
            else:
                self._found[(number, key)] = kind, data
        elif number == 0 and kind in _NUMBERS:
            self._names[held[0]] = key.decode("utf-8", "replace")
        elif kind in _NUMBERS or kind == _BLOB_INDEX:
            self._found[(number, key)] = kind, held

    def _value(self, number: int, key: bytes, kind: int, held: bytes) -> Value | None:
        if kind in _NUMBERS:
            value: int = struct.unpack_from(_NUMBERS[kind], held)[0]
            return value
        if kind == _TEXT:
            return held.removesuffix(b"\0").decode("utf-8", "replace")
        if kind == _BLOB:
            return held
        size, count, first = struct.unpack_from("<IBB", held)
        parts = [self._parts.get((number, key, n)) for n in range(first, first + count)]
        whole = b"".join(part for part in parts if part is not None)
        return whole if None not in parts and len(whole) == size else None


def is_nvs(data: bytes) -> bool:
    """Whether ESP-IDF has used this partition: a page of it has a sound head."""
    return any(True for _ in _pages(data))


def _pages(data: bytes) -> Iterator[bytes]:
    """The pages in use, the oldest first."""
    found = []
    for at in range(0, len(data) - PAGE + 1, PAGE):
        page = data[at : at + PAGE]
        state, sequence = struct.unpack_from("<II", page)
        if state in _STATES and _crc(page[4:28]) == int.from_bytes(page[28:32], "little"):
            found.append((sequence, page))
    for _, page in sorted(found):
        yield page


def _state(page: bytes, number: int) -> int:
    return page[_HEAD + number // 4] >> number % 4 * 2 & 3


def _crc(data: bytes) -> int:
    return binascii.crc32(data, 0xFFFFFFFF) & 0xFFFFFFFF
