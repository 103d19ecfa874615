"""Partition tables: the bytes ESP-IDF's tool makes, and what is wrong with a bad one."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from esp_idf_defs.partitions import PartitionTable

from tools.chip import partition_csv, table
from tools.sim.board import DEFAULT_TABLE


def test_the_boards_table_has_two_equal_slots_and_survives_its_binary_form() -> None:
    entries = partition_csv.load(DEFAULT_TABLE)
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
    data = bytearray(table.encode(partition_csv.load(DEFAULT_TABLE)))
    at += 0 if at < 32 else 6 * 32 - 32 + 16  # into the digest of the MD5 row
    data[at] ^= 1
    with pytest.raises(ValueError, match=reason):
        table.parse(bytes(data))


def test_erased_flash_has_no_table() -> None:
    with pytest.raises(ValueError, match="empty"):
        table.parse(b"\xff" * 0xC00)


def test_offsets_left_out_follow_and_are_aligned() -> None:
    entries = partition_csv.from_csv("nvs, data, nvs, , 24K\nota_0, app, ota_0, , 1M\n")
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
        partition_csv.from_csv(text)


LEGAL = """\
# Name,   Type, SubType,  Offset,  Size, Flags
nvs,      data, nvs,      0x9000,  24K,
phy_init, data, phy,      ,        4K, encrypted:readonly
otadata,  data, ota,      ,        0x2000, encrypted
keys,     data, nvs_keys, ,        0x1000, encrypted
core,     data, coredump, ,        64k
fuses,    data, efuse,    ,        0x2000
what,     data, undefined, ,       4K
which,    data, ,         ,        4K
little,   data, littlefs, ,        1m, readonly
numbered, 1,    0x40,     ,        4K
own,      0x40, 0x07,     ,        4K
ota_0,    app,  ota_0,    ,        1M
ota_1,    0,    0x11,     ,        1M
rest,     data, fat,      ,        -4M
"""


def test_what_esp_idf_allows_in_a_table_is_read_as_its_own_tool_reads_it() -> None:
    theirs = PartitionTable.from_csv(LEGAL)
    theirs.verify(0x8000)
    ours = partition_csv.from_csv(LEGAL)
    assert [(p.name, p.type, p.subtype, p.offset, p.size) for p in theirs] == [
        (e.label, e.type, e.subtype, e.address, e.size) for e in ours
    ]
    assert theirs.to_binary() == table.encode(ours)
    assert ours[-1].address + ours[-1].size == 4 << 20


@pytest.mark.parametrize(
    "line",
    [
        "a, data, nvs, 0x9000, 24K, encripted",
        "a, app, , 0x10000, 1M",
        "a, data, 300, 0x9000, 4K",
        "a, , nvs, 0x9000, 4K",
        "a, data, nvs, 0x9000, 4K, , more",
        "a, data, nvs, 0x9000, -4K",
        "a\u200b, data, nvs, 0x9000, 4K",
    ],
)
def test_what_it_does_not_allow_is_refused_by_its_line(line: str) -> None:
    with pytest.raises(ValueError, match="line 2: cannot read"):
        partition_csv.from_csv(f"# mine\n{line}\n")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_table_that_an_editor_saved_its_own_way_is_the_same_table(
    tmp_path: Path, encoding: str
) -> None:
    path = tmp_path / "partitions.csv"
    path.write_bytes(LEGAL.replace("\n", "\r\n").encode(encoding))
    assert table.encode(partition_csv.load(path)) == table.encode(partition_csv.from_csv(LEGAL))
