"""Partition tables: the bytes ESP-IDF's tool makes, and what is wrong with a bad one."""

from __future__ import annotations

import hashlib

import pytest

from tools.chip import partitions, table
from tools.sim.board import DEFAULT_TABLE


def test_the_boards_table_has_two_equal_slots_and_survives_its_binary_form() -> None:
    entries = partitions.load(DEFAULT_TABLE)
    parsed = table.parse(table.encode(entries))
    assert [repr(entry) for entry in parsed] == [repr(entry) for entry in entries]
    slots = [entry for entry in parsed if entry.ota_index() is not None]
    assert len(slots) == table.ota_count(parsed) == 2
    assert slots[0].size == slots[1].size
    assert all(slot.address % 0x10000 == 0 for slot in slots)


def test_the_binary_form_is_esp_idfs() -> None:
    data = table.encode([table.Entry(1, 2, 0x9000, 0x4000, "nvs")])
    row = b"\xaa\x50\x01\x02\x00\x90\x00\x00\x00\x40\x00\x00nvs" + bytes(13) + bytes(4)
    assert data[:32] == row
    assert data[32:64] == b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(row).digest()
    assert data[64:] == b"\xff" * (0xC00 - 64)


@pytest.mark.parametrize(
    ("at", "reason"), [(5, "MD5 does not match"), (0, "row 0 has magic"), (40, "MD5")]
)
def test_a_damaged_table_is_noticed(at: int, reason: str) -> None:
    data = bytearray(table.encode(partitions.load(DEFAULT_TABLE)))
    at += 0 if at < 32 else 6 * 32 - 32 + 16  # into the digest of the MD5 row
    data[at] ^= 1
    with pytest.raises(ValueError, match=reason):
        table.parse(bytes(data))


def test_erased_flash_has_no_table() -> None:
    with pytest.raises(ValueError, match="empty"):
        table.parse(b"\xff" * 0xC00)


def test_offsets_left_out_follow_and_are_aligned() -> None:
    entries = partitions.from_csv("nvs, data, nvs, , 24K\nota_0, app, ota_0, , 1M\n")
    assert [(entry.address, entry.size) for entry in entries] == [
        (0x9000, 0x6000),
        (0x10000, 0x100000),
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a, data, nvs, 0x9000", "line 1: cannot read"),
        ("# c\na, code, nvs, 0x9000, 4K", "line 2: cannot read"),
        ("a, app, ota_0, 0x9000, 1M", "line 1: a is not aligned to 0x10000"),
        ("a, data, nvs, 0x9000, 8K\nb, data, ota, 0xa000, 8K", "line 2: b overlaps"),
        ("# nothing\n", "no entries"),
    ],
)
def test_a_bad_csv_names_its_line(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        partitions.from_csv(text)
