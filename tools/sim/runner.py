"""A board that is on: boots, runs the interpreter, and holds the deadlines that end its runs.

One thread. It waits for the program's verbs (simchip/control.py), its console, a wake-up from
the Board, and the next deadline of the watchdog and of the timers.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import threading
import time
from typing import Any

from tools.chip import table
from tools.places import InUse
from tools.sim import interpreter
from tools.sim.boot import (
    CAUSES,
    DEEPSLEEP_RESET,
    HARD_RESET,
    PWRON_RESET,
    RESETS,
    SOFT_RESET,
    WDT_RESET,
)
from tools.sim.bootrom import BootRom, Choice, load_table, read_otadata
from tools.sim.deadlines import Deadlines
from tools.sim.flash import Flash, PowerCut
from tools.sim.heap import ESP32
from tools.sim.listener import BoardListener, Hardware


def _readable(fds: list[int], timeout_s: float | None) -> list[int]:
    """Those with something to read, or closed. (select() refuses descriptors above 1023.)"""
    poll = select.poll()
    for fd in fds:
        poll.register(fd, select.POLLIN)
    # Rounded up: a deadline that is nearly there would be asked for again and again.
    wait_ms = None if timeout_s is None else int(timeout_s * 1000) + 1
    return [fd for fd, _ in poll.poll(wait_ms)]


class Runner(threading.Thread):
    """Runs a board from power-on to power-off, and tells the listener."""

    def __init__(self, board: Hardware, listener: BoardListener) -> None:
        super().__init__(name=f"board {board.path.name}", daemon=True)
        self._board = board
        self._tell = listener
        self._flash = Flash(board.path, board.log)
        try:
            self._flash.lock()
        except InUse:
            self._flash.close()
            raise
        self._wake_r, self._wake_w = os.pipe()
        self._lock = threading.Lock()
        self._proc: subprocess.Popen[bytes] | None = None
        self._off = False
        self._entry: table.Entry | None = None
        self._rtc_memory = ""
        self._clock_delta = board.clock_at_power_on()
        self._deadlines = Deadlines()
        self._next: tuple[str, int | None] | None = None  # (how it ended, cause of the next)
        self._outside: str | None = None  # a reset that comes from outside, see RESETS
        self._said = ""  # what the boot ROM calls the next reset, when it is one of those
        self._sleep = -1.0

    # Called by the Board, from other threads.

    def cut(self) -> None:
        """Take the power away, now."""
        with self._lock:
            self._off = True
            if self._proc is not None:
                self._proc.kill()
        os.write(self._wake_w, b"!")
        self.join()

    def reset(self, kind: str) -> None:
        """Have a reset come from outside (see RESETS)."""
        self._outside = kind
        os.write(self._wake_w, b"!")

    def dispose(self) -> None:
        """Close what the Board's threads may still have used; the thread has ended."""
        os.close(self._wake_r)
        os.close(self._wake_w)

    def interrupt(self, signal_number: int) -> None:
        """Send the running program a signal."""
        with self._lock:
            if self._proc is not None and self._proc.poll() is None:
                self._proc.send_signal(signal_number)

    # The thread.

    def run(self) -> None:
        """Boot, and boot again, until the power goes."""
        cause: int | None = PWRON_RESET
        try:
            while cause is not None and not self._off:
                cause = self._one_boot(cause)
        except PowerCut:
            self._cut_done()
            self._tell.end("power")
        except Exception as exc:
            self._tell.failed(exc)
        finally:
            self._flash.close()
            self._tell.went_off()

    def _one_boot(self, cause: int) -> int | None:
        self._flash.cut = self._board.cut
        entries = load_table(self._flash)
        boot = self._tell.begin(cause)
        boot.otadata_before = read_otadata(self._flash, entries)
        said, self._said = self._said, ""
        if cause == SOFT_RESET or (cause == DEEPSLEEP_RESET and self._entry):
            choice = Choice(self._entry, [])  # the image is still loaded / not validated again
        else:
            self._tell.line(f"rom: rst:0x{cause:x} ({said or CAUSES[cause]})")
            choice = BootRom(self._flash).boot()
        boot.log = choice.log
        for line in choice.log:
            self._tell.line(f"rom: {line}")
        boot.otadata_after = read_otadata(self._flash, entries)
        if choice.entry is None:
            self._tell.unbootable()
            return None
        self._entry = choice.entry
        boot.slot = choice.entry.ota_index()
        return self._run_program(cause, choice.entry)

    def _settings(self, cause: int, entry: table.Entry, control: int, events: int) -> str:
        # A file: the unix port takes no command line argument of more than 255 bytes.
        board = self._board
        left = self._flash.left()
        cut = {"op": left, "when": board.cut.when} if board.cut and left > 0 else None
        text = json.dumps(
            {
                "flash": str(board.path),
                "log": str(board.log.path),
                "tape": str(board.tape.path) if board.tape else None,
                "state": str(board.state_file),
                "control_fd": control,
                "event_fd": events,
                "cause": cause,
                "running": entry.address,
                "cut": cut,
                "clock_delta": self._clock_delta,
                "rtc_memory": self._rtc_memory,
                "ticks_wrap_ms": board.ticks_wrap_ms,
                "wifi_delay_ms": board.wifi_delay_ms,
                "phy": board.ethernet != "absent",
                "heap_bytes": board.heap_kib * 1024 if board.heap == ESP32 else 0,
                "unique_id": board.unique_id,
                "mounts": {"/_sim": str(interpreter.DEVICE), **board.mounts},
                "path": [*board.python_path, "/_sim"],
            }
        )
        board.settings_file.write_text(text, encoding="utf-8")
        return str(board.settings_file)

    def _run_program(self, cause: int, entry: table.Entry) -> int | None:
        console_r, console_w = os.pipe()
        os.set_blocking(console_r, False)
        control_r, control_w = os.pipe()
        event_r, self._event_w = os.pipe()
        os.set_blocking(self._event_w, False)
        self._deadlines.begin(cause == SOFT_RESET)
        self._next = None
        try:
            with self._lock:
                if self._off:
                    self._tell.end("power")
                    return None
                settings = self._settings(cause, entry, control_w, event_r)
                self._proc = proc = self._start(settings, console_w, (control_w, event_r))
        finally:
            for fd in (console_w, control_w, event_r):
                os.close(fd)
        verbs = b""
        streams = {console_r, control_r}
        try:
            while self._next is None and not self._off and streams:
                if self._outside is not None:
                    self._come_from_outside(self._outside)
                    break
                # The console first: what was printed before a verb has been said before it.
                for fd in sorted(self._wait(streams), key=lambda fd: fd != console_r):
                    data = os.read(fd, 65536)
                    if not data:
                        streams.discard(fd)
                    elif fd == console_r:
                        self._tell.output(data)
                    else:
                        self._printed(console_r)  # also what came while it was waited for
                        verbs = self._verbs(verbs + data)
                self._ring()
        finally:
            with self._lock:
                self._proc = None
                proc.kill()
                proc.wait()
        self._drain(console_r, control_r, verbs)
        for fd in (console_r, control_r, self._event_w):
            os.close(fd)
        if self._off:
            self._tell.end("power")
            return None
        if self._next is None:
            self._ended_by_itself(proc.returncode)
        return self._finish()

    def _start(
        self, settings: str, console: int, pass_fds: tuple[int, ...]
    ) -> subprocess.Popen[bytes]:
        """Start the interpreter with its console on `console`; settings: the file's path."""
        return self._interpreter(settings, console, pass_fds)

    def _interpreter(
        self, settings: str, console: int, pass_fds: tuple[int, ...], **how: Any
    ) -> subprocess.Popen[bytes]:
        return interpreter.start(
            self._board.command,
            str(interpreter.DEVICE / "sim_start.py"),
            [settings],
            heap_kib=self._board.heap_kib,
            stdout=console,
            pass_fds=pass_fds,
            environment=self._board.environment,
            **how,
        )

    def _ended_by_itself(self, status: int | None) -> None:
        """The interpreter is gone and has not said why."""
        self._panic(f"the interpreter ended by itself (status {status})")

    def _finish(self) -> int | None:
        assert self._next is not None
        ended, cause = self._next
        self._tell.end(ended)
        if ended == "deepsleep":
            _readable([self._wake_r], None if self._sleep < 0 else self._sleep)
            if self._off:
                return None
            if self._outside is not None:
                os.read(self._wake_r, 1)
                self._come_from_outside(self._outside)
                return self._next[1]
        return cause

    def _wait(self, streams: set[int]) -> list[int]:
        found = _readable([*streams, self._wake_r], self._deadlines.left(time.monotonic()))
        if self._wake_r in found and not self._off:
            os.read(self._wake_r, 1)
        return [fd for fd in found if fd != self._wake_r]

    def _ring(self) -> None:
        now = time.monotonic()
        for number in self._deadlines.rang(now):
            with contextlib.suppress(OSError):  # nobody reads any more: the chip loses it too
                os.write(self._event_w, b"%d" % number)
        if self._next is None and self._deadlines.bites(now):
            self._tell.line("rom: Task watchdog got triggered.")
            self._next = ("watchdog", WDT_RESET)

    def _printed(self, console: int) -> None:
        """Tell what the console has by now."""
        with contextlib.suppress(BlockingIOError):
            while data := os.read(console, 65536):
                self._tell.output(data)

    def _drain(self, console: int, control: int, verbs: bytes) -> None:
        """What the dead program still said: its console, and what outlives a reset."""
        os.set_blocking(console, True)
        for fd in (console, control):
            while data := os.read(fd, 65536):
                if fd == console:
                    self._tell.output(data)
                else:
                    verbs += data
        for line in verbs.split(b"\n")[:-1]:
            if line[:1] in b"MKH":
                self._verb(line.decode())

    def _verbs(self, data: bytes) -> bytes:
        *lines, rest = data.split(b"\n")
        for number, line in enumerate(lines):
            if self._next is not None:
                return b"\n".join([*lines[number:], rest])
            self._verb(line.decode())
        return rest

    def _verb(self, line: str) -> None:
        verb, rest = line[:1], line[1:]
        now = time.monotonic()
        if verb == "F":
            self._deadlines.feed(now)
        elif verb == "W":
            timeout, slack = (int(word) / 1000 for word in rest.split())
            self._deadlines.arm(timeout + slack, now)
        elif verb == "T":
            number, period, repeats = (int(word) for word in rest.split())
            self._deadlines.start(number, period / 1000, bool(repeats), now)
        elif verb == "D":
            self._deadlines.stop(int(rest))
        elif verb == "M":
            self._rtc_memory = rest
        elif verb == "K":
            self._clock_delta = int(rest)
        elif verb == "H":
            self._tell.heap(rest)
        elif verb == "B":
            self._tell.started()
        elif verb == "E":
            self._tell.raised(rest)
        elif verb == "X":
            self._tell.at_repl()
        elif verb == "R":
            self._next = ("reset", HARD_RESET)
        elif verb == "S":
            self._tell.line("MPY: soft reboot")
            self._next = ("soft", SOFT_RESET)
        elif verb == "Z":
            self._sleep = int(rest) / 1000
            self._next = ("deepsleep", DEEPSLEEP_RESET)
        elif verb == "P":
            self._panic(rest)
        elif verb == "V":
            self._tell.violated(rest)
            self._next = ("panic", None)
        elif verb == "C":
            self._cut_done()
            self._next = ("power", None)

    def _come_from_outside(self, kind: str) -> None:
        self._outside = None
        self._said, cause = RESETS[kind]
        if cause == PWRON_RESET:  # the voltage was too low for what RTC memory and clock hold
            self._rtc_memory = ""
            self._clock_delta = self._board.clock_at_power_on()
        self._next = (kind, cause)

    def _cut_done(self) -> None:
        self._board.cut = None
        self._tell.line("rom: (power cut)")

    def _panic(self, text: str) -> None:
        self._tell.panicked(text)
        self._next = ("panic", HARD_RESET)
