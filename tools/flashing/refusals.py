"""Why a board or its port cannot be worked with, and what to do about each."""

from __future__ import annotations

import errno
import stat
from pathlib import Path

import serial

from tools.cli import Refused

FLASH_IT = "Put MicroPython on it first: flash.py flash --help shows how."
NO_LOADER = Refused(
    "alink's boot.py is not on the board, or did not run to its end",
    "Flash the board with flash.py flash, which brings it; or copy it: "
    "mpremote cp micropython/boot.py :boot.py, then run this again.",
)


class Unreachable(Refused):
    """The board no longer takes part."""


class OutOfStep(Unreachable):
    """It says something else than what was asked for, or nothing; the port itself works."""


class Restarted(Unreachable):
    """It was reset while a program ran there, and goes its own way again."""

    def __init__(self, cause: str) -> None:
        super().__init__(
            f"the board restarted by itself meanwhile ({cause})",
            "A power supply too weak, a crash or a watchdog: its console says more, "
            "flash.py monitor. Try again.",
        )


class BoardFailed(Refused):
    """A program on the board ended with an exception; `traceback` is the board's own text."""

    def __init__(self, traceback: str, said: str) -> None:
        last = traceback.strip().rpartition("\n")[2]
        super().__init__(
            f"the board reports {last}",
            "Try again after a press of its reset button; flash.py status tells how it is.",
        )
        self.traceback = traceback
        self.said = said


def cannot_open(name: str, exc: Exception) -> Refused:
    """Why a port does not open: mpremote's own message does not tell."""
    number: int | None = None
    text = str(exc)
    try:
        serial.serial_for_url(name, exclusive=True).close()
    except (OSError, ValueError) as why:
        number, text = getattr(why, "errno", None), str(why)
    return explain_open(name, number, text)


def explain_open(name: str, number: int | None, text: str) -> Refused:
    """The Refused for a port that cannot be opened; number: errno, text: what was said."""
    busy = ("exclusively lock", "in use", "Access is denied", "PermissionError(13")
    if number == errno.ENOENT or "FileNotFoundError" in text:
        return Refused(
            f"there is no port {name}",
            "Plug the board in (with a data cable), or leave --port out to have it found.",
        )
    if number == errno.EACCES and not any(word in text for word in busy):
        return Refused(
            f"you may not open {name}",
            "On Linux join the port's group and log in again: sudo usermod -aG dialout $USER.",
        )
    if number in (errno.EBUSY, errno.EAGAIN) or any(word in text for word in busy):
        return Refused(
            f"the port {name} is busy: another program uses it",
            "Close it (a serial monitor, an editor's console, mpremote, flash.py monitor) "
            "and try again.",
        )
    path = Path(name)
    if path.exists() and not stat.S_ISCHR(path.stat().st_mode):
        return Refused(f"{name} is not a port", "Give --port a serial port's name.")
    return Refused(
        f"the port {name} cannot be opened ({text})",
        "Check the name: a path such as /dev/ttyUSB0 or COM3, or id:SERIAL, or a URL.",
    )


def no_repl(name: str, heard: bytes) -> Refused:
    """The Refused for a port behind which there is no REPL; heard: what came from there."""
    text = heard.decode("utf-8", "replace").strip()
    if not text:
        return Refused(
            f"the board on {name} does not answer",
            "Is it the right port, and has the board power? Press its reset button and try "
            "again; if it holds no MicroPython yet: flash.py flash.",
        )
    words = "".join(c if c.isprintable() else " " for c in text[:60]).strip()
    return Refused(
        f"what answers on {name} is not MicroPython's REPL; it said: {words}",
        FLASH_IT + " If it does run MicroPython, its program may swallow Ctrl-C: press the "
        "reset button and try again at once.",
    )
