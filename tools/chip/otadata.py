# The two otadata entries that choose the slot (ESP-IDF: esp_flash_partitions.h). MIT licence.
#
# Runs under CPython and, in the sim, under MicroPython (esp32.Partition).

import binascii
import struct

SIZE = 32
BLANK_SEQ = 0xFFFFFFFF

NEW = 0
PENDING_VERIFY = 1
VALID = 2
INVALID = 3
ABORTED = 4
UNDEFINED = 0xFFFFFFFF

STATE_NAMES = {
    NEW: "NEW",
    PENDING_VERIFY: "PENDING_VERIFY",
    VALID: "VALID",
    INVALID: "INVALID",
    ABORTED: "ABORTED",
    UNDEFINED: "UNDEFINED",
}

_FORM = "<I20sII"


def crc(seq: int) -> int:
    """The check value of an entry: it covers the sequence number alone."""
    return binascii.crc32(struct.pack("<I", seq), 0xFFFFFFFF) & 0xFFFFFFFF


class SelectEntry:
    """One entry: seq, label (20 bytes), state, crc (int)."""

    def __init__(
        self,
        seq: int = BLANK_SEQ,
        state: int = UNDEFINED,
        crc: int = 0xFFFFFFFF,
        label: bytes = b"\xff" * 20,
    ) -> None:
        self.seq = seq
        self.state = state
        self.crc = crc
        self.label = label

    def __repr__(self) -> str:
        if self.seq == BLANK_SEQ:
            return "<blank>"
        state = STATE_NAMES.get(self.state, "0x%x" % self.state)
        return "<seq %d %s%s>" % (self.seq, state, "" if self.crc_ok() else " bad CRC")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SelectEntry) and encode(self) == encode(other)

    def crc_ok(self) -> bool:
        """Whether the check value fits the sequence number."""
        return self.crc == crc(self.seq)

    def refused(self) -> bool:
        """Blank or given up (ESP-IDF: bootloader_common_ota_select_invalid)."""
        return self.seq == BLANK_SEQ or self.state in (INVALID, ABORTED)

    def usable(self) -> bool:
        """May choose a slot (ESP-IDF: bootloader_common_ota_select_valid)."""
        return not self.refused() and self.crc_ok()

    def slot(self, count: int) -> int:
        """The slot this entry names among `count` slots."""
        return (self.seq - 1) % count


def encode(entry: SelectEntry) -> bytes:
    """The 32 bytes of an entry."""
    return struct.pack(_FORM, entry.seq, entry.label, entry.state, entry.crc)


def decode(data: bytes) -> SelectEntry:
    """The entry in 32 bytes, whatever they are."""
    seq, label, state, check = struct.unpack(_FORM, bytes(data[:SIZE]))
    return SelectEntry(seq, state, check, bytes(label))


def active(entries: "list[SelectEntry]") -> int:
    """Index of the entry that counts, or -1 (ESP-IDF: bootloader_common_get_active_otadata)."""
    first, second = entries[0].usable(), entries[1].usable()
    if first and second:
        return 0 if entries[0].seq >= entries[1].seq else 1
    return 0 if first else 1 if second else -1


def renewed(entry: SelectEntry, seq: int, state: int) -> SelectEntry:
    """`entry` with another sequence number and state and a fitting check value."""
    return SelectEntry(seq, state, crc(seq), entry.label)


def next_seq(entries: "list[SelectEntry]", slot: int, count: int) -> "tuple[int, int]":
    """(entry index, sequence number) that make the boot ROM take `slot` of `count` next.

    The smallest number that names the slot and is not below the active entry's, written to the
    inactive sector (ESP-IDF: esp_rewrite_ota_data).
    """
    at = active(entries)
    if at < 0:
        return 0, slot + 1
    seq = (slot + 1) % count
    while entries[at].seq > seq:
        seq += count
    return 1 - at, seq
