"""A board of tools/sim with a serial port: what mpremote and tools/flash.py see of a real one.

Two pseudo-terminals and a thread between them. The outer one stays for the board's life and is
what a person names with --port; the inner one is the interpreter's, and there is a new one for
each run of it. The unix port's REPL is the chip's REPL but for one thing: at a soft reset the
process ends. So the end of the process is a soft reset here: the bridge says so as the chip does,
and the next run begins where the chip would be, in the raw REPL when it was there. It can be as
slow about it as a chip (`start_s`, `soft_s`), which says nothing meanwhile.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from host_tests.kit import port_names
from tools.sim import Board
from tools.sim.boot import HARD_RESET, SOFT_RESET
from tools.sim.runner import Runner, _readable

_RAW_PROMPT = b"raw REPL; CTRL-B to exit\r\n"
_BANNER = re.compile(rb"^MicroPython [^\n]+\n", re.MULTILINE)
_PROMPT = b">>> "
_ASKED = re.compile(rb"\r([\x01\x02])")  # for the raw REPL, or to leave it: as mpremote asks
_FIFO = 256
_BUSY_S = 0.3  # s that a Ctrl-C waits for a program to sleep
_CTRL_C = b"\x03"
_FILE_REQUEST = b"\x18"  # of a board that has mounted a folder of the computer
_SENT_WITHIN_S = 5.0  # what the other side has not taken by then is lost, as on a UART


class Line:
    """The outer pseudo-terminal: bytes typed on the other side go to `keyboard`."""

    def __init__(self) -> None:
        self._master, slave = os.openpty()
        self.name = port_names.lend(slave)
        os.close(slave)  # so that it is seen whether somebody has the port open
        self._lock = threading.Lock()
        self._keyboard: int | None = None
        self._interrupt: Callable[[], None] = lambda: None
        self._waiting = b""  # typed while nobody listened: the chip's UART holds it too
        self.deaf = False  # it does not: all that is lost
        self.serving = False  # the board asks for files: what is typed may be one
        self.raw = False  # the other side asked for the raw REPL
        self._open = True
        self._thread = threading.Thread(target=self._read, name=f"line {self.name}", daemon=True)
        self._thread.start()

    def connect(self, keyboard: int | None, interrupt: Callable[[], None] | None = None) -> None:
        """Send what is typed to this descriptor, and a Ctrl-C to `interrupt`; None: hold it."""
        with self._lock:
            self._keyboard = keyboard
            self._interrupt = interrupt or (lambda: None)
            self.serving = False

    def send(self, data: bytes) -> None:
        """Bytes from the board; without anybody there they are lost."""
        deadline = time.monotonic() + _SENT_WITHIN_S
        poll = select.poll()
        poll.register(self._master, select.POLLOUT)
        while data and self._open and time.monotonic() < deadline:
            events = poll.poll(100)
            if events and events[0][1] & select.POLLHUP:
                return
            if events:
                data = data[os.write(self._master, data[:1024]) :]

    def close(self) -> None:
        """Take the port away."""
        self._open = False
        self._thread.join()
        os.close(self._master)
        port_names.give_back(self.name)

    def _read(self) -> None:
        poll = select.poll()
        poll.register(self._master, select.POLLIN)
        while self._open:
            events = poll.poll(20)
            typed = b""
            if events and events[0][1] & select.POLLIN:
                with contextlib.suppress(OSError):
                    typed = os.read(self._master, 4096)
            elif events:
                time.sleep(0.01)  # nobody has it open, and poll() cannot wait for somebody
            with contextlib.suppress(OSError, termios.error):  # it has just ended
                self._typed(typed)

    def _typed(self, data: bytes) -> None:
        asked = _ASKED.findall(data)
        if asked:
            self.raw = asked[-1] == b"\x01"
        with self._lock:
            data, self._waiting = self._waiting + data, b""
            if self._keyboard is None:
                self._waiting = b"" if self.deaf else data[-_FIFO:]
            elif data:
                self._type(self._keyboard, data)

    def _type(self, keyboard: int, data: bytes) -> None:
        # ISIG is what the interpreter switches off while its REPL reads. The terminal itself
        # must not look for Ctrl-C (see _start()): in a file that mpremote serves it is none.
        runs = termios.tcgetattr(keyboard)[3] & termios.ISIG
        if runs and _CTRL_C in data and (not self.serving or data in (_CTRL_C, b"\r" + _CTRL_C)):
            self._interrupt()
            data = data.replace(_CTRL_C, b"")
        os.write(keyboard, data)


class SerialRunner(Runner):
    """Runs a board whose interpreter sits at a terminal."""

    _board: SerialBoard
    _keyboard: int
    _raw = False

    def _settings(self, cause: int, entry: Any, control: int, events: int) -> str:
        path = super()._settings(cause, entry, control, events)
        if cause != SOFT_RESET:
            self._board.line.raw = False
        self._raw = self._board.line.raw  # what is typed from now on is for the new run
        settings = json.loads(Path(path).read_text(encoding="utf-8"))
        settings["repl"] = "raw" if self._raw else "friendly"
        Path(path).write_text(json.dumps(settings), encoding="utf-8")
        return path

    def _one_boot(self, cause: int) -> int | None:
        if cause == SOFT_RESET and self._board.stumbles:
            self._board.stumbles -= 1
            cause = HARD_RESET
        return super()._one_boot(cause)

    def _run_program(self, cause: int, entry: Any) -> int | None:
        board = self._board
        _readable([self._wake_r], board.soft_s if cause == SOFT_RESET else board.start_s)
        return super()._run_program(cause, entry)

    def _start(
        self, settings: str, console: int, pass_fds: tuple[int, ...]
    ) -> subprocess.Popen[bytes]:
        master, slave = os.openpty()
        mode = termios.tcgetattr(slave)
        # Bytes as they are. Ctrl-C interrupts what runs, but that is the line's doing.
        mode[0], mode[1], mode[3] = 0, 0, termios.ISIG
        for key in (termios.VINTR, termios.VQUIT, termios.VSUSP):
            mode[6][key] = os.fpathconf(slave, "PC_VDISABLE")
        termios.tcsetattr(slave, termios.TCSANOW, mode)
        try:
            proc = self._interpreter(settings, slave, pass_fds, options=["-i"], terminal=True)
        finally:
            os.close(slave)
        self._keyboard = master
        threading.Thread(
            target=self._copy, args=(master, os.dup(console), self._raw), daemon=True
        ).start()
        return proc

    def _verb(self, line: str) -> None:
        if line == "B":  # not before: a Ctrl-C would hit an interpreter that is still starting
            self._board.line.connect(self._keyboard, self._break)
        super()._verb(line)

    def _break(self) -> None:
        # At a SIGINT the unix port jumps out of whatever it does, also out of a section that it
        # has locked, and hangs at the next one. It has locked none while it sleeps.
        until = time.monotonic() + _BUSY_S
        while time.monotonic() < until and not self._sleeps():
            time.sleep(0.001)
        self.interrupt(signal.SIGINT)

    def _sleeps(self) -> bool:
        proc = self._proc
        try:
            stat = Path(f"/proc/{proc.pid}/stat").read_text(encoding="ascii") if proc else ""
        except OSError:
            return True  # gone; or there is no /proc
        return stat.rpartition(")")[2].split()[:1] != ["R"]

    def _copy(self, master: int, console: int, raw: bool) -> None:
        """Pass on what the interpreter prints, until it ends; raw: take it to the raw REPL."""
        line = self._board.line
        held: bytes | None = b"" if raw else None
        try:
            while True:
                try:
                    data = os.read(master, 65536)
                except OSError:
                    break
                if held is not None:
                    data, held = self._into_raw(master, held + data)
                line.serving = line.serving or _FILE_REQUEST in data
                line.send(data)
                os.write(console, data)
        finally:
            line.connect(None)
            os.close(console)
            os.close(master)

    @staticmethod
    def _into_raw(master: int, held: bytes) -> tuple[bytes, bytes | None]:
        """(what to pass on, what to hold back; None: the raw REPL is there)."""
        if _RAW_PROMPT in held:
            return held[held.index(_RAW_PROMPT) :], None
        banner = _BANNER.search(held)
        if banner and held.endswith(_PROMPT):
            os.write(master, b"\x01")
            return held[: banner.start()], b""
        return b"", held

    def _ended_by_itself(self, status: int | None) -> None:
        if status is not None and status < 0:
            super()._ended_by_itself(status)
        else:
            self._next = ("soft", SOFT_RESET)

    def _finish(self) -> int | None:
        if self._next is not None and self._next[0] == "soft":
            self._board.line.send(b"MPY: soft reboot\r\n")
        return super()._finish()


class SerialBoard(Board):
    """A Board with a serial port. Not to be switched on twice at a time, like any.

    start_s: silence after a reset, before boot.py. soft_s: the same after a soft reset.
    stumbles: soft resets to come that end in a reset.
    """

    def __init__(self, path: str | Path, **settings: Any) -> None:
        self.line = Line()
        self.start_s = 0.0
        self.soft_s = 0.0
        self.stumbles = 0
        told = settings.pop("console", None)
        super().__init__(path, **settings, console=lambda line: self._speak(line, told))

    def __enter__(self) -> SerialBoard:
        return self

    @property
    def port(self) -> str:
        """What to give as --port."""
        return self.line.name

    def close(self) -> None:
        super().close()
        self.line.close()

    def _new_runner(self) -> Runner:
        return SerialRunner(self, self.history)

    def _speak(self, line: str, told: Callable[[str], None] | None) -> None:
        if told is not None:
            told(line)
        if line.startswith("rom: "):  # the boot ROM speaks on the same line
            self.line.send(line[5:].encode() + b"\r\n")
