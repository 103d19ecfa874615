"""`flash.py monitor`: the board's console with time stamps. It types nothing."""

from __future__ import annotations

import argparse
import sys
import time
from datetime import datetime

import serial

from tools.cli import Refused
from tools.flashing.link import Link
from tools.flashing.ports import resolve
from tools.flashing.refusals import explain_open
from tools.flashing.repl import BAUD

NAME = "monitor"
HELP = "the board's console, each line with the time; Ctrl-C ends it"
EXAMPLES = """\
flash.py monitor
flash.py monitor --restart             start the program anew, to see its first lines
flash.py monitor --seconds 60 > log    for a minute, into a file"""

_POLL_S = 0.2
_GONE_S = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("--port", help="serial port of the board (default: the only one)")
    parser.add_argument("--restart", action="store_true", help="restart the program first")
    parser.add_argument("--seconds", type=float, help="stop after that long")


def run(options: argparse.Namespace) -> int:
    """0, after --seconds or Ctrl-C."""
    name = resolve(options.port)
    if options.restart:
        with Link(name) as link:
            link.interrupt()
            link.restart()
    until = None if options.seconds is None else time.monotonic() + options.seconds
    try:
        watch(name, until)
    except KeyboardInterrupt:
        print(file=sys.stderr)
    return 0


def watch(name: str, until: float | None) -> None:
    """Print lines as they come until time.monotonic() is `until`.

    A board with USB of its own takes its port away at each reset: that is waited for. Raises
    Refused when the port cannot be opened at first.
    """
    port = _open(name)
    partial = b""
    while until is None or time.monotonic() < until:
        try:
            data = port.read(port.in_waiting or 1)
        except (serial.SerialException, OSError):
            _print("-- the port went away (a reset?); waiting for it --")
            port.close()
            port, partial = _wait_for(name, until), b""
            continue
        *lines, partial = (partial + data).split(b"\n")
        for line in lines:
            _print(line.decode("utf-8", "replace").rstrip("\r"))
    if partial:
        _print(partial.decode("utf-8", "replace"))
    port.close()


def _open(name: str) -> serial.SerialBase:
    try:
        return serial.serial_for_url(name, baudrate=BAUD, timeout=_POLL_S, exclusive=True)
    except (OSError, ValueError) as exc:
        raise explain_open(name, getattr(exc, "errno", None), str(exc)) from None


def _wait_for(name: str, until: float | None) -> serial.SerialBase:
    while True:
        try:
            return _open(name)
        except Refused:
            if until is not None and time.monotonic() >= until:
                raise
            time.sleep(_GONE_S)


def _print(text: str) -> None:
    print(f"{datetime.now():%H:%M:%S.%f}"[:-3], text, flush=True)
