"""Which board, and how much flash it has: the options of more than one verb."""

from __future__ import annotations

import argparse

from tools.chip.boards import boards
from tools.cli import offered


def add(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    """--board and --flash-size."""
    board = parser.add_argument("--board", required=required, help=f"one of {', '.join(boards())}")
    size = parser.add_argument(
        "--flash-size",
        metavar="SIZE",
        help="of the board's flash, as 8MB (default: what stock firmware is set to)",
    )
    sizes = [table.flash for one in boards().values() for table in one.tables]
    offered(board, boards())
    offered(size, dict.fromkeys(sizes))
