"""The boot ROM on its own: each rule of ESP-IDF's bootloader with rollback, one by one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tests.kit.images import make_image, make_merged
from host_tests.kit.sim_desk import IMAGES, entry, set_otadata, states
from tools.chip import image, otadata
from tools.chip.otadata import ABORTED, INVALID, NEW, PENDING_VERIFY, VALID
from tools.sim import Board
from tools.sim.bootrom import BootRom, Choice
from tools.sim.flash import Cut, Flash, PowerCut

BLANK = otadata.SelectEntry()


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    with Board.create(tmp_path / "flash.bin") as board:
        board.write_slot(0, IMAGES[0])
        board.write_slot(1, IMAGES[1])
        yield board


def boot(board: Board) -> Choice:
    return BootRom(board.flash).boot()


def slot(choice: Choice) -> int | None:
    return choice.entry.ota_index() if choice.entry else None


def test_otadata_is_what_esp_idf_writes() -> None:
    assert otadata.crc(1) == 0x4743989A
    packed = otadata.encode(entry(1, NEW))
    assert packed == b"\x01\0\0\0" + b"\xff" * 20 + b"\0\0\0\0" + b"\x9a\x98\x43\x47"
    assert otadata.decode(packed) == entry(1, NEW)


def test_a_blank_board_boots_slot_0_and_says_so_in_otadata(board: Board) -> None:
    assert slot(boot(board)) == 0
    assert board.otadata() == [entry(1, VALID), BLANK]


def test_a_blank_board_with_an_empty_slot_0_boots_slot_1(board: Board) -> None:
    board.write_slot(0, b"")
    assert slot(boot(board)) == 1
    assert board.otadata() == [entry(2, VALID), BLANK]


def test_a_new_image_starts_on_trial(board: Board) -> None:
    set_otadata(board, entry(1, VALID), entry(2, NEW))
    assert slot(boot(board)) == 1
    assert states(board) == [(1, VALID), (2, PENDING_VERIFY)]


def test_an_unconfirmed_image_is_given_up_at_the_next_boot(board: Board) -> None:
    set_otadata(board, entry(1, VALID), entry(2, PENDING_VERIFY))
    assert slot(boot(board)) == 0
    assert states(board) == [(1, VALID), (2, ABORTED)]
    assert slot(boot(board)) == 0  # and stays given up


def test_a_confirmed_image_stays(board: Board) -> None:
    set_otadata(board, entry(3, VALID), entry(2, VALID))
    for _ in range(2):
        assert slot(boot(board)) == 0
    assert states(board) == [(3, VALID), (2, VALID)]


@pytest.mark.parametrize("state", [INVALID, ABORTED])
def test_given_up_entries_do_not_count(board: Board, state: int) -> None:
    set_otadata(board, entry(5, state), entry(2, VALID))
    assert slot(boot(board)) == 1


def test_an_entry_with_a_bad_crc_does_not_count(board: Board) -> None:
    set_otadata(board, entry(1, VALID), otadata.SelectEntry(2, VALID, otadata.crc(2) ^ 1))
    assert slot(boot(board)) == 0
    assert states(board) == [(1, VALID), (2, VALID)]


def test_with_no_valid_crc_at_all_every_slot_is_tried_from_the_first(board: Board) -> None:
    set_otadata(board, otadata.SelectEntry(2, VALID, 1), otadata.SelectEntry(2, VALID, 1))
    assert slot(boot(board)) == 0
    assert states(board) == [(2, VALID), (2, VALID)]  # nothing is repaired


def test_only_given_up_entries_lead_to_slot_0_and_otadata_is_left_alone(board: Board) -> None:
    set_otadata(board, entry(2, ABORTED), entry(4, ABORTED))
    assert slot(boot(board)) == 0
    assert states(board) == [(2, ABORTED), (4, ABORTED)]


def test_an_image_that_rotted_falls_back_to_the_other_slot(board: Board) -> None:
    set_otadata(board, entry(1, VALID), entry(2, VALID))
    damaged = bytearray(IMAGES[1])
    damaged[5000] ^= 1
    board.write_slot(1, bytes(damaged))
    choice = boot(board)
    assert slot(choice) == 0
    assert any("not bootable" in line for line in choice.log)


def test_slot_0_damaged_goes_on_to_slot_1(board: Board) -> None:
    set_otadata(board, entry(1, VALID), BLANK)
    board.write_slot(0, b"\0" * 100)
    assert slot(boot(board)) == 1


def test_a_board_without_any_image_does_not_start(board: Board) -> None:
    for n in (0, 1):
        board.write_slot(n, b"")
    board.power_on()
    board.wait_for(lambda: board.bricked, 5, "the end")
    assert "No bootable app partitions" in board.console_text()
    assert board.boots[-1].ended == "no-boot"


def test_the_mark_of_a_new_image_can_be_cut_and_the_board_still_boots(board: Board) -> None:
    # The bootloader erases and rewrites the sector: cut in between, that entry is gone, and the
    # board boots what it ran before.
    for op, when, expected in [
        (1, "before", 1),
        (1, "middle", 0),
        (1, "after", 0),
        (2, "before", 0),
        (2, "middle", 0),
        (2, "after", 0),
    ]:
        set_otadata(board, entry(1, VALID), entry(2, NEW))
        flash = Flash(board.path, board.log)
        flash.cut = Cut(op, when, len(board.log))
        with pytest.raises(PowerCut):
            BootRom(flash).boot()
        flash.close()
        assert slot(boot(board)) == expected, (op, when)


def check(data: bytes, *, boot: bool = False, room: int = 0x1D8000) -> str | None:
    padded = data + b"\xff" * room
    return image.verify(lambda at, n: padded[at : at + n], 0, room, boot=boot)


def damaged(at: int, value: int | None = None) -> bytes:
    data = bytearray(IMAGES[0])
    data[at] = data[at] ^ 1 if value is None else value
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (damaged(0), "magic"),
        (make_image(16384, chip_id=5), "chip ID"),
        (make_image(16384, min_rev=400), "revision"),
        (make_image(16384, max_rev=100), "revision"),
        (make_image(16384, segments=17), "segment count 17"),
        (damaged(8000), "checksum"),
        (damaged(-1), "hash"),
        (damaged(-33), "checksum"),
        (IMAGES[0][:9000], "length 0x|outside|checksum"),
        (damaged(28, 0x21), "length 0x"),
        (damaged(24, 0x24), "load address"),
        (b"\xff" * 4096, "nothing flashed"),
    ],
)
def test_what_the_boot_code_refuses_of_an_image(data: bytes, reason: str) -> None:
    fault = check(data)
    assert fault is not None
    assert re.search(reason, fault), fault


def test_an_image_larger_than_its_slot_is_refused() -> None:
    assert check(IMAGES[0], room=len(IMAGES[0])) is None
    assert check(IMAGES[0], room=len(IMAGES[0]) - 16) is not None


def test_sixteen_segments_and_no_hash_are_fine() -> None:
    assert check(make_image(16384, segments=16), boot=True) is None
    assert check(make_image(16384, hash_appended=False), boot=True) is None


def test_a_merged_file_passes_set_boot_and_only_the_bootloader_refuses_it(board: Board) -> None:
    merged = make_merged(IMAGES[1])
    assert check(merged) is None
    assert "overlaps bootloader data" in str(check(merged, boot=True))
    board.write_slot(1, merged)
    set_otadata(board, entry(1, VALID), entry(2, NEW))
    assert slot(boot(board)) == 0
    # It was marked as tried before it was looked at, so the next boot gives it up.
    assert states(board) == [(1, VALID), (2, PENDING_VERIFY)]
    assert slot(boot(board)) == 0
    assert states(board) == [(1, VALID), (2, ABORTED)]
