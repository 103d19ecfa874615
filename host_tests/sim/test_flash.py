"""esp32.Partition and NVS on a running board, and the flash rules that hold for everything."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from host_tests.kit.images import make_merged
from host_tests.kit.sim_desk import (
    HEAD,
    IMAGES,
    entry,
    run,
    set_otadata,
    start,
    states,
)
from tools.chip.otadata import ABORTED, NEW, PENDING_VERIFY, VALID
from tools.sim import Board, BoardError, FlashViolation


def test_partitions_are_found_as_on_the_chip(board: Board) -> None:
    text = run(
        board,
        HEAD
        + """
print(1, run.info(), other.info())
print(2, run)
print(3, Partition(Partition.BOOT).info()[4], Partition("vfs").info())
print(4, [p.info()[4] for p in Partition.find(Partition.TYPE_APP)])
print(5, [p.info()[4] for p in Partition.find(Partition.TYPE_DATA, subtype=0)])
print(6, Partition.find(label="none"), Partition.find(Partition.TYPE_DATA, label="nvs"))
print(7, error(Partition, "none"), other.get_next_update().info()[4])
print(8, other.ioctl(4, 0), other.ioctl(5, 0), other.ioctl(3, 0), other.ioctl(9, 0))
small = Partition("vfs", 512)
print(9, small.ioctl(4, 0), small.ioctl(5, 0), small.ioctl(6, 0))
""",
    )
    assert "1 (0, 16, 65536, 1933312, 'ota_0', False) (0, 17, 2031616, 1933312, 'ota_1'" in text
    assert "2 <Partition type=0, subtype=16, address=65536, size=1933312, label=ota_0, " in text
    assert "3 ota_0 (1, 129, 3964928, 229376, 'vfs', False)" in text
    assert "4 ['ota_0', 'ota_1']" in text
    assert "5 ['otadata']" in text
    assert "6 [] [<Partition type=1, subtype=2, address=36864" in text
    assert "7 (2,) ota_0" in text
    assert "8 472 4096 0 None" in text
    assert "9 448 512 -22" in text


def test_block_writes_follow_the_chips_argument_rules(board: Board) -> None:
    text = run(
        board,
        HEAD
        + """
block = bytearray(4096)
print(1, error(other.writeblocks, 0, block), error(other.writeblocks, 0, block))
print(2, error(other.writeblocks, 1, bytearray(100)))
print(3, error(other.writeblocks, 472, block), error(other.writeblocks, 473, block))
print(4, error(other.readblocks, 471, bytearray(4097)), error(other.readblocks, 473, block))
print(5, error(other.ioctl, 6, 472), error(other.ioctl, 6, 2))
other.writeblocks(2, b"abc", 0)
other.writeblocks(2, b"de", 3)
part = bytearray(6)
other.readblocks(2, part)
print(6, bytes(part))
other.readblocks(2, part, 2)
print(7, bytes(part))
other.writeblocks(4, bytes(range(256)) * 32)
other.readblocks(5, part, 4090)
print(8, bytes(part))
small = Partition("ota_1", 512)
small.writeblocks(1, b"x" * 512)
small.readblocks(1, part)
print(9, bytes(part))
small.readblocks(2, part)
print(10, bytes(part))
""",
    )
    assert "1 None None" in text
    assert "2 (-260, 'ESP_ERR_INVALID_SIZE')" in text
    assert "3 (-260, 'ESP_ERR_INVALID_SIZE') (-258, 'ESP_ERR_INVALID_ARG')" in text
    assert "4 (-260, 'ESP_ERR_INVALID_SIZE') (-258, 'ESP_ERR_INVALID_ARG')" in text
    assert "5 (-260, 'ESP_ERR_INVALID_SIZE') None" in text
    assert "6 b'abcde\\xff'" in text
    assert "7 b'cde\\xff\\xff\\xff'" in text
    assert "8 b'\\xfa\\xfb\\xfc\\xfd\\xfe\\xff'" in text
    assert "9 b'xxxxxx'" in text
    assert "10 b'\\x00\\x00\\x00\\x00\\x00\\x00'" in text


def test_reading_writing_and_ticks_need_no_heap(board: Board) -> None:
    text = run(
        board,
        HEAD
        + """
import micropython, time, machine
from time import ticks_ms, ticks_us, ticks_diff, ticks_add, sleep_ms
block = bytearray(4096)
part = memoryview(block)[:100]
dog = machine.WDT(timeout=60000)
def loop():
    begin = ticks_ms()
    i = 0
    while i < 20:
        other.writeblocks(i, block)
        other.readblocks(i, block)
        other.ioctl(6, i)
        other.writeblocks(i, part, 10)
        ticks_us()
        ticks_diff(ticks_add(begin, 5), ticks_ms())
        sleep_ms(0)
        dog.feed()
        i += 1
micropython.heap_lock()
loop()
micropython.heap_unlock()
print("locked loop done")
""",
    )
    assert "locked loop done" in text
    assert board.flash_ops["ota_1"].erases == 40


def test_programming_without_an_erase_stops_the_board_loudly(board: Board) -> None:
    start(
        board,
        HEAD
        + """
other.writeblocks(3, b"\\x0f", 7)
other.writeblocks(3, b"\\x0e", 7)
print("bits may go to 0")
other.writeblocks(3, b"\\x1e", 7)
print("never here")
""",
    )
    with pytest.raises(FlashViolation, match="0x1f3007 holds 0x0e and was programmed to 0x1e"):
        board.wait_for(lambda: False, 10)
    assert "bits may go to 0" in board.console_text()
    assert "never here" not in board.console_text()
    assert board.boots[-1].ended == "panic"
    assert not board.is_on


def test_writing_the_running_slot_aborts_and_resets(board: Board) -> None:
    start(
        board,
        HEAD
        + """
import machine
if machine.reset_cause() == machine.PWRON_RESET:
    run.writeblocks(100, bytearray(4096))
print("cause", machine.reset_cause())
""",
    )
    board.wait_for(lambda: board.boots[-1].at_repl, what="second boot")
    assert [boot.ended for boot in board.boots] == ["panic", "exit"]
    assert "protected flash region" in board.boots[0].text
    assert "cause 2" in board.console_text()
    board.power_cut()
    assert board.slot_bytes(0).rstrip(b"\xff") == IMAGES[0].rstrip(b"\xff")


def test_set_boot_takes_only_what_verifies(board: Board) -> None:
    text = run(board, HEAD + 'print("erased", error(other.set_boot))')
    assert "erased (-5379, 'ESP_ERR_OTA_VALIDATE_FAILED')" in text
    damaged = bytearray(IMAGES[1])
    damaged[9000] ^= 4
    board.write_slot(1, bytes(damaged))
    text = run(board, HEAD + 'print("damaged", error(other.set_boot))')
    assert "damaged (-5379" in text
    assert states(board)[1][0] == 0xFFFFFFFF
    board.write_slot(1, make_merged(IMAGES[1]))
    text = run(board, HEAD + 'print("merged", error(other.set_boot))')
    assert "merged None" in text
    assert states(board) == [(1, VALID), (2, NEW)]


def test_an_update_runs_the_other_slot_and_is_confirmed(board: Board) -> None:
    board.write_slot(1, IMAGES[1])
    start(
        board,
        HEAD
        + """
import machine
if run.info()[4] == "ota_0":
    other.set_boot()
    print("next", Partition(Partition.BOOT).info()[4])
    machine.reset()
print("twice", Partition.mark_app_valid_cancel_rollback(), run.mark_app_valid_cancel_rollback())
""",
    )
    board.wait_for(lambda: board.boots[-1].at_repl, what="second boot")
    assert "next ota_1" in board.console_text()
    assert "twice None None" in board.console_text()
    assert [boot.slot for boot in board.boots] == [0, 1]
    assert [boot.ended for boot in board.boots] == ["reset", "exit"]
    assert [(e.seq, e.state) for e in board.boots[1].otadata_after] == [
        (1, VALID),
        (2, PENDING_VERIFY),
    ]
    assert states(board) == [(1, VALID), (2, VALID)]
    # set_boot: erase and write; boot ROM: the same for the mark; confirm: the same, once.
    assert board.flash_ops["otadata"].erases == 4
    assert board.running_slot() == 1


def test_an_unconfirmed_update_falls_back(board: Board) -> None:
    board.write_slot(1, IMAGES[1])
    start(
        board,
        HEAD
        + """
import machine
if machine.reset_cause() == machine.PWRON_RESET:
    other.set_boot()
    machine.reset()
if run.info()[4] == "ota_1":
    machine.reset()
""",
    )
    board.wait_for(lambda: board.boots[-1].at_repl, what="third boot")
    assert [boot.slot for boot in board.boots] == [0, 1, 0]
    assert states(board) == [(1, VALID), (2, ABORTED)]


def test_confirming_without_otadata_fails_as_on_the_chip(board: Board) -> None:
    set_otadata(board, entry(2, ABORTED), entry(4, ABORTED))
    text = run(board, HEAD + "print(error(Partition.mark_app_valid_cancel_rollback))")
    assert "(1, 'ESP_FAIL')" in text


def test_files_of_the_program_obey_the_flash_rules_and_stay(board: Board) -> None:
    run(
        board,
        """
import os
os.mkdir("/data")
for n in range(30):
    with open("/data/%d.txt" % (n % 7), "a") as f:
        f.write("line %d\\n" % n * 20)
os.remove("/data/0.txt")
""",
    )
    assert "/data/0.txt" not in board.files()
    assert board.read_file("/data/1.txt").startswith(b"line 1\n")
    assert board.flash_ops["vfs"].erases > 10
    with pytest.raises(FileNotFoundError):
        board.read_file("/none")


def test_a_blank_board_gets_a_file_system_with_a_boot_file(board: Board) -> None:
    board.power_on()
    board.wait_for(lambda: board.boots[-1].at_repl, what="boot")
    board.power_cut()
    assert board.files() == ["/boot.py"]


def test_the_desk_keeps_its_hands_off_a_running_board(board: Board) -> None:
    start(board, "")
    changes: list[Callable[[], None]] = [
        lambda: board.write_slot(1, IMAGES[1]),
        lambda: board.install_file("/x", b""),
        lambda: board.nvs_set("a", "b", 1),
        board.power_on,
    ]
    for change in changes:
        with pytest.raises(BoardError):
            change()
