# Key-value storage in the nvs partition: a log of records, safe against power cuts. MIT licence.
#
# The sim's own format, not ESP-IDF's (no program on the board sees it); the limits and error
# numbers are ESP-IDF's ("Non-Volatile Storage Library"). Runs under CPython (Board.nvs_get) and
# MicroPython (esp32.NVS).
#
# A page is one 4096-byte sector: a head (magic, sequence number, CRC), then records that never
# span pages. A record is <crc, type, state, namespace length, key length, data length, version,
# part> + namespace + key + data, padded to 4. A blob is one or more PART records and then one
# BLOB record that makes them valid. What is last in the log counts. A record whose CRC is wrong
# (power went away while it was written) closes its page. One page is always kept free, so that
# the oldest page can be moved there and erased.

import binascii
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:  # for mypy; MicroPython has no such modules
    from typing import Protocol

    class Sectors(Protocol):
        """A partition's flash: offsets count from its start."""

        def read(self, offset: int, length: int) -> bytes:
            """Bytes at an offset."""

        def erase(self, offset: int) -> None:
            """Erase one sector."""

        def program(self, offset: int, data: bytes) -> None:
            """Program a range."""

    Place = tuple[int, int, int, int]  # page, offset, offset of the data in it, data length
    Head = tuple[int, ...]  # what _RECORD holds behind the CRC
    Name = tuple[str, str]

NOT_FOUND = 0x1102
TYPE_MISMATCH = 0x1103
NOT_ENOUGH_SPACE = 0x1105
INVALID_NAME = 0x1106
KEY_TOO_LONG = 0x1109
INVALID_LENGTH = 0x110C

MAX_NAME = 15
PAGE = 4096

_MAGIC = 0x314E4953
_HEAD = 12
_RECORD = "<IBBBBHBB"
_RECORD_SIZE = 12
_I32 = 1
_BLOB = 2
_PART = 3
_LIVE = 0xFF
_DEAD = 0
_MIN_PART = 64
_AT_ONCE = 256  # bytes looked at


class NvsError(Exception):
    """args[0]: ESP-IDF's positive error number, one of this module's constants."""


def _blank(data: bytes) -> bool:
    return data.count(b"\xff") == len(data)


def _record(
    kind: int, namespace: bytes, key: bytes, data: bytes, version: int = 0, part: int = 0
) -> bytes:
    body = namespace + key + data
    head = struct.pack("<BBBBHBB", kind, _LIVE, len(namespace), len(key), len(data), version, part)
    crc = binascii.crc32(head + body) & 0xFFFFFFFF
    out = struct.pack("<I", crc) + head + body
    return out + b"\xff" * (-len(out) % 4)


class Value:
    """Where a value is: kind, version (of a blob), length, and the places of its records."""

    def __init__(self, kind: int, version: int, length: int, places: "list[Place]") -> None:
        self.kind = kind
        self.version = version
        self.length = length
        self.places = places  # an i32's record; a blob's BLOB record, then its parts


class NvsLog:
    """The content of an nvs partition.

    flash has read(offset, length) -> bytes, erase(offset) of one sector and
    program(offset, bytes), all relative to the partition; size: bytes of the partition.
    Keys and namespaces are str; values are int (i32) or bytes (blob).
    """

    def __init__(self, flash: "Sectors", size: int) -> None:
        self._flash = flash
        self._count = size // PAGE
        self._index: "dict[Name, Value]" = {}
        self._order: "list[int]" = []  # pages in use, oldest first
        self._seqs: "dict[int, int]" = {}
        self._at = PAGE  # where the next record goes in the newest page; PAGE = nowhere
        # Parts of a blob that is being written: alive, but not in the index yet.
        self._extra: "list[Place]" = []
        self._load()

    # What a user of the store calls.

    def get(self, namespace: str, key: str) -> "int | bytes":
        """int or bytes; raises NvsError(NOT_FOUND)."""
        entry = self._index.get((namespace, key))
        if entry is None:
            raise NvsError(NOT_FOUND)
        if entry.kind == _I32:
            value: int = struct.unpack("<i", self._data(entry.places[0]))[0]
            return value
        return b"".join([self._data(place) for place in entry.places[1:]])

    def set(self, namespace: str, key: str, value: "int | bytes") -> None:
        """Store an int (i32) or bytes: all of it or, after a power cut, nothing of it."""
        check_names(namespace, key)
        ns, name = namespace.encode(), key.encode()
        if not self.fits({(namespace, key): value}):
            raise NvsError(NOT_ENOUGH_SPACE)
        if isinstance(value, int):
            data = struct.pack("<I", value & 0xFFFFFFFF)
            place = self._append(_record(_I32, ns, name, data))
            self._index[(namespace, key)] = Value(_I32, 0, 4, [place])
            return
        old = self._index.get((namespace, key))
        version = (old.version + 1) % 255 if old and old.kind == _BLOB else 1
        self._extra = []
        try:
            overhead = _RECORD_SIZE + len(ns) + len(name)
            at = 0
            while at < len(value):
                spare = self._room(overhead + min(_MIN_PART, len(value) - at) + 3) - overhead - 3
                piece = bytes(value[at : at + spare])
                part = len(self._extra)
                self._extra.append(self._append(_record(_PART, ns, name, piece, version, part)))
                at += len(piece)
            total = struct.pack("<I", len(value))
            count = len(self._extra)
            place = self._append(_record(_BLOB, ns, name, total, version, count))
            places = [place] + self._extra
            self._index[(namespace, key)] = Value(_BLOB, version, len(value), places)
        finally:
            self._extra = []

    def erase(self, namespace: str, key: str) -> None:
        """Remove a key; raises NvsError(NOT_FOUND)."""
        if (namespace, key) not in self._index:
            raise NvsError(NOT_FOUND)
        # Older copies first: a power cut in between leaves the newest, so the old value stays.
        for page in self._order:
            for place, head in self._records(page):
                if head[0] != _PART and self._name(place, head) == (namespace, key):
                    self._flash.program(place[0] * PAGE + place[1] + 5, bytes((_DEAD,)))
        del self._index[(namespace, key)]

    def has(self, namespace: str, key: str) -> bool:
        """Whether there is a value."""
        return (namespace, key) in self._index

    def keys(self) -> "list[Name]":
        """List of (namespace, key)."""
        return list(self._index)

    def fits(self, pending: "dict[Name, int | bytes | None]") -> bool:
        """Whether these {(namespace, key): value} could be added: a sum, kept a little small."""
        used = 0
        for (namespace, key), entry in self._index.items():
            used += self._cost(namespace, key, entry.length, entry.kind)
        for (namespace, key), value in pending.items():
            if isinstance(value, int):
                used += self._cost(namespace, key, 4, _I32)
            elif value is not None:
                used += self._cost(namespace, key, len(value), _BLOB)
        return used <= (self._count - 1) * (PAGE - _HEAD)

    def _cost(self, namespace: str, key: str, length: int, kind: int) -> int:
        overhead = _RECORD_SIZE + len(namespace) + len(key) + 3
        if kind == _I32:
            return overhead + 4
        return overhead * (2 + length // (PAGE - _HEAD - overhead)) + length + 4

    # Reading.

    def _data(self, place: "Place") -> bytes:
        return self._flash.read(place[0] * PAGE + place[1] + place[2], place[3])

    def _name(self, place: "Place", head: "Head") -> "Name":
        raw = self._flash.read(place[0] * PAGE + place[1] + _RECORD_SIZE, head[2] + head[3])
        return bytes(raw[: head[2]]).decode(), bytes(raw[head[2] :]).decode()

    def _records(self, page: int) -> "list[tuple[Place, Head]]":
        """Valid, living records of a page: [((page, offset, data at, data length), head)]."""
        # Record by record, never a page at once: on a chip none of this is in Python's heap, and a
        # small heap has no 4 KB in one piece.
        found: "list[tuple[Place, Head]]" = []
        base = page * PAGE
        at = _HEAD
        while at + _RECORD_SIZE <= PAGE:
            raw = self._flash.read(base + at, _RECORD_SIZE)
            crc, *head = struct.unpack(_RECORD, raw)
            length = _RECORD_SIZE + head[2] + head[3] + head[4]
            if at + length > PAGE or _blank(raw):
                break
            body = bytearray(self._flash.read(base + at + 4, length - 4))
            body[1] = _LIVE
            if binascii.crc32(body) & 0xFFFFFFFF != crc:
                break
            if head[1] == _LIVE:
                place = (page, at, _RECORD_SIZE + head[2] + head[3], head[4])
                found.append((place, tuple(head)))
            at += (length + 3) & ~3
        self._end = at if self._is_blank(page, at) else PAGE
        return found

    def _is_blank(self, page: int, at: int) -> bool:
        # Whether the page is erased from `at` on.
        while at < PAGE:
            n = min(PAGE - at, _AT_ONCE)
            if not _blank(self._flash.read(page * PAGE + at, n)):
                return False
            at += n
        return True

    def _load(self) -> None:
        for page in range(self._count):
            magic, seq, crc = struct.unpack("<III", self._flash.read(page * PAGE, _HEAD))
            good = binascii.crc32(struct.pack("<II", magic, seq)) & 0xFFFFFFFF
            if magic == _MAGIC and crc == good:
                self._seqs[page] = seq
        self._order = sorted(self._seqs, key=lambda page: self._seqs[page])
        if len(self._order) == self._count:
            # Power went away in _compact: the newest page has only copies of what still stands
            # elsewhere. Forget it; _open erases it before it is used again.
            del self._seqs[self._order.pop()]
        parts: "dict[tuple[Name, int, int], Place]" = {}
        heads: "list[tuple[Place, Head]]" = []
        for page in self._order:
            for place, head in self._records(page):
                if head[0] == _PART:
                    parts[(self._name(place, head), head[5], head[6])] = place
                else:
                    heads.append((place, head))
            self._at = self._end
        for place, head in heads:
            name = self._name(place, head)
            if head[0] == _I32:
                self._index[name] = Value(_I32, 0, 4, [place])
                continue
            wanted = [(name, head[5], n) for n in range(head[6])]
            if all([part in parts for part in wanted]):  # noqa: C419
                total = struct.unpack("<I", self._data(place))[0]
                places = [place] + [parts[part] for part in wanted]
                self._index[name] = Value(_BLOB, head[5], total, places)

    # Writing.

    def _append(self, record: bytes) -> "Place":
        self._room(len(record))
        page = self._order[-1]
        at = self._at
        self._flash.program(page * PAGE + at, record)
        self._at += len(record)
        head = struct.unpack(_RECORD, record[:_RECORD_SIZE])
        return page, at, _RECORD_SIZE + head[3] + head[4], head[5]

    def _room(self, wanted: int) -> int:
        """Make room for a record of `wanted` bytes; returns the free bytes of its page."""
        for _ in range(2 * self._count):
            if self._order and PAGE - self._at >= wanted:
                return PAGE - self._at
            if len(self._order) < self._count - 1:
                self._open()
            else:
                self._compact()
        raise NvsError(NOT_ENOUGH_SPACE)

    def _open(self) -> None:
        page = next(p for p in range(self._count) if p not in self._seqs)
        if not self._is_blank(page, 0):
            self._flash.erase(page * PAGE)
        seq = self._seqs[self._order[-1]] + 1 if self._order else 1
        head = struct.pack("<II", _MAGIC, seq)
        head += struct.pack("<I", binascii.crc32(head) & 0xFFFFFFFF)
        self._flash.program(page * PAGE, head)
        self._seqs[page] = seq
        self._order.append(page)
        self._at = _HEAD

    def _compact(self) -> None:
        # The free page takes what lives in the oldest page, which is then given up and erased:
        # cut in between, _load forgets the copies (all pages in use) or finds them newer.
        oldest = self._order[0]
        self._open()
        for entry in self._index.values():
            self._move(entry.places, oldest)
        self._move(self._extra, oldest)
        self._order.remove(oldest)
        del self._seqs[oldest]
        self._flash.program(oldest * PAGE, bytes(4))
        self._flash.erase(oldest * PAGE)

    def _move(self, places: "list[Place]", oldest: int) -> None:
        for n in range(len(places)):
            page, at, data_at, length = places[n]
            if page == oldest:
                record = bytes(self._flash.read(page * PAGE + at, data_at + length))
                record += b"\xff" * (-len(record) % 4)
                self._flash.program(self._order[-1] * PAGE + self._at, record)
                places[n] = (self._order[-1], self._at, data_at, length)
                self._at += len(record)


def check_names(namespace: str, key: str) -> None:
    """Raise NvsError unless both are usable: 1 to 15 bytes."""
    if len(key.encode()) > MAX_NAME or len(namespace.encode()) > MAX_NAME:
        raise NvsError(KEY_TOO_LONG)
    if not key or not namespace:
        raise NvsError(INVALID_NAME)
