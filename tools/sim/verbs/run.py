"""`sim run`: a board that is switched on."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from tools.cli import Refused
from tools.sim.board import Board
from tools.sim.heap import ESP32
from tools.sim.verbs.status import MAKE

NAME = "run"
HELP = """\
switch a board on, console to stdout

Boot a flash file as an ESP32 does and print its console. Ctrl-C takes the power away."""
EXAMPLES = """\
python -m tools.sim run desk.bin
python -m tools.sim run desk.bin --heap esp32 --heap-report
python -m tools.sim run desk.bin --wifi absent --seconds 60"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("flash", type=Path, metavar="FLASH.bin")
    parser.add_argument(
        "--heap",
        type=_heap,
        default=2048,
        metavar="KIB|esp32",
        help="MicroPython's heap, or the memory of an ESP32 without PSRAM",
    )
    parser.add_argument(
        "--heap-report", action="store_true", help="with --heap esp32: also at each boot's end"
    )
    parser.add_argument("--clock", choices=("set", "unset"), default="set")
    parser.add_argument("--wifi", choices=("ok", "absent"), default="ok")
    parser.add_argument("--seconds", type=float, help="take the power away after that long")


def _heap(text: str) -> int | str:
    """A number of KiB, or "esp32"."""
    return text if text == ESP32 else int(text)


def run(options: argparse.Namespace) -> int:
    """Until Ctrl-C, the time given, or nothing is bootable: 1 then. Raises Refused, OSError."""
    end = time.monotonic() + (options.seconds or float("inf"))
    with _board(options) as board:
        board.power_on()
        told = 0
        try:
            while board.is_on and time.monotonic() < end:
                time.sleep(0.1)
                if options.heap_report:
                    told = _tell(board, told, board.boots[-1].number - 1)
        except KeyboardInterrupt:
            print("power off", file=sys.stderr)
        board.power_cut()
        _tell(board, told, len(board.boots))
        return 1 if board.bricked or board.violation else 0


def _board(options: argparse.Namespace) -> Board:
    try:
        return Board(
            options.flash,
            console=lambda line: print(line, flush=True),
            heap_kib=0 if options.heap == ESP32 else options.heap,
            heap=ESP32 if options.heap == ESP32 else None,
            clock=options.clock,
            wifi=options.wifi,
        )
    except ValueError as exc:
        raise Refused(f"{options.flash}: {exc}", MAKE) from None


def _tell(board: Board, told: int, until: int) -> int:
    """Print how the boots from `told` to `until` used their memory; returns how many are told."""
    for line in board.heap_report().split("\n")[told:until]:
        if line:
            print(line, flush=True)
    return max(told, until)
