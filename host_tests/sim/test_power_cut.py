"""Power cuts at a chosen flash operation: what is left, and that the board comes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from host_tests.kit.sim_desk import HEAD, IMAGES, make_board, run, start, states
from tools.chip import otadata
from tools.chip.otadata import VALID
from tools.sim import Board


@pytest.mark.parametrize(
    ("op", "when", "old", "new"),
    [
        (1, "before", b"old!", b"old!"),
        (1, "middle", b"\xff\xff\xff\xff", b"old!"),
        (1, "after", b"\xff\xff\xff\xff", b"\xff\xff\xff\xff"),
        (2, "before", b"\xff\xff\xff\xff", b"\xff\xff\xff\xff"),
        (2, "middle", b"new!", b"\xff\xff\xff\xff"),
        (2, "after", b"new!", b"new!"),
    ],
)
def test_a_power_cut_in_a_write_leaves_what_nor_flash_would(
    board: Board, op: int, when: str, old: bytes, new: bytes
) -> None:
    # old: what stands at the start of the sector afterwards, new: at its end.
    run(board, "")
    board.flash.fill(board.partition("ota_1").address, b"old!" * 1024)
    board.cut_at(op, when)
    start(board, HEAD + 'other.writeblocks(0, b"new!" * 1024)\nprint("never here")')
    board.wait_for(lambda: not board.is_on, what="power cut")
    assert board.boots[-1].ended == "power"
    assert "never here" not in board.console_text()
    sector = board.slot_bytes(1)[:4096]
    assert (sector[:4], sector[-4:]) == (old, new)
    # The cut was for once: the next run goes through, and its reset cause is power-on.
    text = run(board, HEAD + 'other.writeblocks(0, b"new!" * 1024)\nprint("went through")')
    assert "went through" in text
    assert board.boots[-1].cause == 1


def test_a_power_cut_is_counted_through_resets_and_the_boot_rom(board: Board) -> None:
    board.write_slot(1, IMAGES[1])
    # 1, 2: the ROM's first otadata; 3, 4: set_boot; then the ROM's mark, cut between its two.
    board.cut_at(5, "after")
    start(board, HEAD + "import machine\nother.set_boot()\nmachine.reset()")
    board.wait_for(lambda: not board.is_on, what="power cut")
    assert [boot.ended for boot in board.boots] == ["reset", "power"]
    assert [(op.kind, op.partition, op.offset, op.length) for op in board.ops] == [
        ("erase", "otadata", 0, 4096),
        ("program", "otadata", 0, 32),
        ("erase", "otadata", 4096, 4096),
        ("program", "otadata", 4096, 32),
        ("erase", "otadata", 4096, 4096),
    ]
    assert states(board)[1][0] == 0xFFFFFFFF


def test_a_power_cut_at_any_operation_leaves_a_board_that_boots(tmp_path: Path) -> None:
    program = (
        HEAD
        + """
import machine
if machine.reset_cause() == machine.PWRON_RESET and run.info()[4] == "ota_0":
    with open("/note", "w") as f:
        f.write("x" * 300)
    n = NVS("a")
    n.set_blob("b", b"y" * 300)
    n.commit()
    other.set_boot()
    machine.reset()
if run.info()[4] == "ota_1":
    Partition.mark_app_valid_cancel_rollback()
print("up", run.info()[4])
"""
    )
    op, done = 0, False
    while not done:
        op += 1
        with make_board(tmp_path) as board:
            board.write_slot(1, IMAGES[1])
            board.install_file("/main.py", program)
            board.cut_at(op, "middle")
            board.power_on()
            board.wait_for(lambda: board.boots[-1].ended in ("power", "exit"), what="cut")
            done = board.boots[-1].ended == "exit"
            board.power_cut()
            board.power_on()
            board.wait_for(lambda: board.boots[-1].at_repl, what=f"boot after operation {op}")
            board.power_cut()
            assert board.console_text().count("up ota_1") == 1 + done, f"operation {op}"
            chosen = board.otadata()[otadata.active(board.otadata())]
            assert (chosen.slot(2), chosen.state) == (1, VALID), f"operation {op}"
            assert board.read_file("/note") == b"x" * 300
            assert board.nvs_get("a", "b") == b"y" * 300
    assert op > 12
