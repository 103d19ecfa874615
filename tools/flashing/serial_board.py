"""A board in its boot ROM, over a serial port: esptool as a library, its errors in plain words.

Only the connection needs the port's reset lines (or a finger on BOOT); once flashed, a board
starts by any reset, and nothing here waits for it.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Iterator
from typing import Any

import esptool
import serial
from esp_pylib.logger import EspLog, EspLogBase
from esptool import cmds

from tools.chip.boards import BoardType, boards_with, flash_bytes
from tools.chip.layout import TABLE_AT
from tools.cli import Refused
from tools.flashing.ports import first_line
from tools.flashing.refusals import explain_open
from tools.flashing.regions import Region

ROM_BAUD = 115200
ATTEMPTS = 7  # esptool's own: half a minute for a board that does not answer
_KEPT = 12  # lines of esptool's talk that an error may show


class _Talk(EspLogBase):
    """esptool's messages: kept for an error, never printed; its progress goes to `on_progress`."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.on_progress: Callable[[int, int], None] | None = None

    def print(self, *args: Any, **kwargs: Any) -> None:
        self.lines += " ".join(map(str, args)).splitlines()
        del self.lines[:-_KEPT]

    def warn(self, *args: Any, suggestion: str | None = None) -> None:
        self.print(*args, suggestion or "")

    err = warn

    def note(self, *args: Any) -> None:
        self.print(*args)

    hint = debug = note

    def stage(self, finish: bool = False) -> None:
        """Nothing is printed, so nothing is to be taken back."""

    def set_verbosity(self, mode: int | str) -> None:
        """Always silent."""

    def progress_bar(
        self,
        cur_iter: int,
        total_iters: int,
        prefix: str = "",
        suffix: str = "",
        bar_length: int = 30,
    ) -> None:
        if self.on_progress is not None:
            self.on_progress(cur_iter, total_iters)


class SerialBoard:
    """A connected board. `open_board()` makes one; every method raises Refused."""

    def __init__(self, esp: Any, port: str, talk: _Talk, lines: bool) -> None:
        self._esp = esp
        self._port = port
        self._talk = talk
        self._lines = lines

    @property
    def chip(self) -> str:
        """The chip as in tools.chip.chips: "esp32", "esp32s3"."""
        return str(self._esp.CHIP_NAME).lower().replace("-", "")

    def check(self, board: BoardType, needed: int) -> str:
        """Refuse a board that is another one or has too little flash; tells what it is."""
        if self.chip != board.chip:
            names = " or ".join(boards_with(self.chip))
            raise Refused(
                f"the board on {self._port} has {self.chip}, and {board.name} has {board.chip}",
                f"Say --board {names}, with the firmware for it."
                if names
                else "There is no table for that chip in boards/ yet.",
            )
        with self._errors("ask the board for its flash"):
            detected = cmds.detect_flash_size(self._esp)
            locked = self._esp.get_secure_boot_enabled()
            locked = locked or self._esp.get_flash_encryption_enabled()
        if locked:
            raise Refused(
                f"the board on {self._port} has secure boot or flash encryption switched on",
                "It starts only what was signed or encrypted for it, and that cannot be undone: "
                "take a board without them.",
            )
        if detected is None or not detected.endswith("MB"):
            return f"{self.chip}, flash of unknown size"
        if flash_bytes(detected) < needed:
            raise Refused(
                f"the board on {self._port} has {detected} of flash, and the partition table "
                f"needs {needed >> 20}MB",
                "Take the table of your flash's size (--flash-size), or bring one that fits "
                "(--partitions CSV).",
            )
        return f"{self.chip}, {detected} of flash"

    def check_revision(self, image: bytes, what: str) -> None:
        """Refuse an image that asks for a newer (or older) revision of the chip."""
        least, most = struct.unpack_from("<HH", image, 15)
        with self._errors("ask the board for its chip's revision"):
            own = self._esp.get_chip_revision()
        if own < least or 0 < most < own:
            wanted = f"v{least // 100}.{least % 100} or newer" if own < least else "an older one"
            raise Refused(
                f"{what} needs a chip of revision {wanted}, and the board on {self._port} has "
                f"v{own // 100}.{own % 100}",
                "Take a firmware built for that revision, or another board.",
            )

    def read(self, address: int, size: int) -> bytes:
        """Bytes of its flash."""
        with self._errors("read the board's flash"):
            data: bytes = cmds.read_flash(self._esp, address, size, no_progress=True)
        return data

    def read_bootloader(self, board: BoardType) -> bytes:
        """What stands where its bootloader belongs."""
        return self.read(board.bootloader_offset, TABLE_AT - board.bootloader_offset)

    def write(self, region: Region, on_progress: Callable[[int, int], None]) -> None:
        """Erase and write a region; the chip's own MD5 of it is compared."""
        self._talk.on_progress = on_progress
        try:
            with self._errors(f"write {region.name}"):
                cmds.write_flash(self._esp, [(region.address, region.data)])
        finally:
            self._talk.on_progress = None

    def verify(self, regions: list[Region]) -> None:
        """Compare everything once more: what was written later must not have hurt it."""
        with self._errors("verify what was written"):
            cmds.verify_flash(self._esp, [(r.address, r.data) for r in regions])

    def restart(self) -> bool:
        """Try to start it by its reset line; False when the port has none."""
        if not self._lines:
            return False
        try:
            cmds.reset_chip(self._esp, "hard-reset")
        except (esptool.FatalError, serial.SerialException, OSError):
            return False
        return True

    @contextlib.contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        try:
            yield
        except (esptool.FatalError, serial.SerialException, OSError) as exc:
            raise Refused(
                f"cannot {what}: {first_line(exc)}",
                "Run the command again: it begins anew, and a board in its boot ROM cannot be "
                "broken by that. If it stays, try --baud 115200, a shorter cable, another USB "
                "port, and no hub.",
            ) from None


@contextlib.contextmanager
def open_board(port: str, baud: int) -> Iterator[SerialBoard]:
    """Connect to the boot ROM on a port and load esptool's helper program.

    Raises Refused: no such port, no permission, port busy, nobody answers.
    """
    lines = _check_port(port)
    talk = _Talk()
    before = EspLog.instance
    EspLog.set_logger(talk)
    esp: Any = None
    try:
        esp = _connect(port, lines)
        esp = _helper(esp, port, baud)
        yield SerialBoard(esp, port, talk, lines)
    finally:
        if esp is not None:
            esp._port.close()
        if before is not None:
            EspLog.set_logger(before)


def _check_port(port: str) -> bool:
    """Open it as esptool will, for an error of the operating system rather than esptool's.

    True when it has the control lines that reset a board (a pseudo-terminal has none).
    """
    if port.lower().startswith("com"):
        return True  # opening a port on Windows may pull its reset lines
    try:
        opened = serial.serial_for_url(port, exclusive=True)
    except (serial.SerialException, OSError, ValueError) as exc:
        raise explain_open(port, getattr(exc, "errno", None), first_line(exc)) from None
    try:
        return opened.cts is not None  # asks the driver for the state of the lines
    except OSError:
        return False
    finally:
        opened.close()


def _connect(port: str, lines: bool) -> Any:
    mode = "default-reset" if lines else "no-reset"
    try:
        return cmds.detect_chip(port, ROM_BAUD, mode, connect_attempts=ATTEMPTS)
    except (esptool.FatalError, serial.SerialException, OSError) as exc:
        raise Refused(
            f"the board on {port} does not answer as a boot ROM: {first_line(exc)}",
            "Hold its BOOT button (GPIO0, on some boards GPIO9), press and release RESET (EN), "
            "let BOOT go, and run this again. If it stays silent, check that this is the board's "
            "port and that the cable carries data.",
        ) from None


def _helper(esp: Any, port: str, baud: int) -> Any:
    try:
        if esp.secure_download_mode:
            raise Refused(
                f"the board on {port} is locked (secure download mode)",
                "It cannot be read or verified over the port: flash it with the tools of whoever "
                "locked it.",
            )
        esp = cmds.run_stub(esp)
        if baud != ROM_BAUD and esp.IS_STUB:
            esp.change_baud(baud)
        cmds.attach_flash(esp)
    except (esptool.FatalError, serial.SerialException, OSError) as exc:
        raise Refused(
            f"the board on {port} stopped answering: {first_line(exc)}",
            "Run this again with --baud 115200, and a shorter cable if there is one.",
        ) from None
    return esp
