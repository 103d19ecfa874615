"""What the sim's tests share: a board with an image in slot 0, and how to run a program on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from host_tests.kit.images import make_image
from tools.chip import otadata
from tools.sim import Board

# The start of a program that works on flash.
HEAD = """
import esp32, errno
from esp32 import Partition, NVS
run = Partition(Partition.RUNNING)
other = run.get_next_update()
def error(f, *args):
    try:
        f(*args)
    except OSError as e:
        return e.args
    return None
"""

IMAGES = [make_image(16384, seed=seed) for seed in (1, 2)]


def make_board(folder: Path, **settings: Any) -> Board:
    """A board with a valid image in slot 0, nothing else."""
    board = Board.create(folder / "flash.bin", **settings)
    board.write_slot(0, IMAGES[0])
    return board


def run(board: Board, program: str, boot: str = "") -> str:
    """Run `program` as main.py until it ends at the REPL; returns what the board printed.

    The board is off afterwards.
    """
    start(board, program, boot)
    board.wait_for(lambda: board.boots[-1].at_repl, what="end of main.py")
    board.power_cut()
    return board.console_text()


def start(board: Board, program: str, boot: str = "") -> None:
    """Install `program` as main.py, switch on, and return when it boots."""
    board.install_file("/main.py", program)
    if boot:
        board.install_file("/boot.py", boot)
    board.power_on()


def set_otadata(board: Board, *entries: otadata.SelectEntry) -> None:
    """Put entries into otadata from the desk."""
    at = board.partition("otadata").address
    for n, entry in enumerate(entries):
        board.flash.fill(at + n * 4096, b"\xff" * 4096)
        board.flash.fill(at + n * 4096, otadata.encode(entry))


def entry(seq: int, state: int) -> otadata.SelectEntry:
    """An otadata entry with a fitting check value."""
    return otadata.SelectEntry(seq, state, otadata.crc(seq))


def states(board: Board) -> list[tuple[int, int]]:
    """(sequence number, state) of both otadata entries."""
    return [(e.seq, e.state) for e in board.otadata()]
