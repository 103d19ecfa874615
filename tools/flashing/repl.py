"""The raw REPL at the end of a port: mpremote's transport, with errors that say what to do."""

from __future__ import annotations

import ast
import contextlib
import io
import struct
import time
from collections.abc import Callable, Iterator
from typing import Any

import serial
from mpremote.transport import TransportError, TransportExecError

from tools.flashing.lines import Lines
from tools.flashing.patience import Patience
from tools.flashing.refusals import BoardFailed, OutOfStep, Unreachable, cannot_open, no_repl
from tools.flashing.transport import Transport
from tools.flashing.waiting import Waiting

BAUD = 115200


class Repl:
    """Runs programs there, one after the other. name: the port."""

    def __init__(self, name: str, patience: Patience) -> None:
        self.name = name
        self._stopped = False  # what ran there was stopped for the REPL
        self._patience = patience
        self._window_s = patience.window
        try:
            self._transport = Transport(self.name, baudrate=BAUD, timeout=patience.read)
        except (TransportError, ValueError) as exc:
            raise cannot_open(self.name, exc) from None
        self._transport.patience_s = patience.window
        self._transport.serial.write_timeout = patience.write

    def run(
        self,
        code: str,
        *,
        timeout_s: float = 15,
        on_line: Callable[[str], None] | None = None,
        **values: Any,
    ) -> str:
        """Run a program there; returns what it printed.

        values: assigned before it starts; travel inside the link alone. timeout_s: how long it
        may say nothing. on_line: gets each line as it comes. Raises Refused, with the board's
        own last line, for an exception.
        """
        head = "".join(f"{name} = {value!r}\n" for name, value in values.items())
        lines = Lines(on_line)
        with self._failures():
            self._send(head + code)
            _, failed = self._transport.follow(timeout_s, lines.feed)
        lines.end()
        if failed:
            text = failed.decode("utf-8", "replace").strip()
            raise BoardFailed(text, lines.text)
        return lines.text

    # Inside.

    @contextlib.contextmanager
    def _waiting(self, what: str) -> Iterator[None]:
        """Tell a person what is waited for inside, once that takes longer than a moment."""
        with Waiting(what, first_s=self._patience.tell) as waiting:
            self._transport.tick = waiting.tick
            try:
                yield
            finally:
                self._transport.tick = None

    def _enter(self, *, soft_reset: bool, within_s: float) -> bytes | None:
        """None when the raw REPL is there, else the bytes that came instead."""
        said = io.StringIO()  # mpremote prints what it heard when that was not the REPL
        transport = self._transport
        with self._failures(), contextlib.redirect_stdout(said), transport.within(within_s):
            if soft_reset:
                transport.serve_no_more()
            try:
                transport.enter_raw_repl(soft_reset, within_s)
                self._stopped = True
                return None
            except TransportError:
                pass
        heard = said.getvalue().strip().rpartition("\n")[2]
        try:
            value = ast.literal_eval(heard)
        except (SyntaxError, ValueError):
            return heard.encode()
        return value if isinstance(value, bytes) else heard.encode()

    def _send(self, program: str) -> None:
        """Start a program; a second time when the first was not taken whole."""
        try:
            self._start(program)
        except TransportError:
            # A byte was lost, so it waits for the rest and has run nothing: Ctrl-C, and again.
            self._drain()
            if self._enter(soft_reset=False, within_s=self._patience.announce) is not None:
                raise
            self._start(program)

    def _start(self, program: str) -> None:
        transport = self._transport
        transport.serial.timeout = transport.patience_s = self._window_s
        try:
            transport.exec_raw_no_follow(program)
        except struct.error:  # mpremote expects the whole of a window's size
            raise TransportError("no answer to raw paste") from None
        finally:
            # What comes next has its own time: the window is for this program alone.
            transport.serial.timeout = self._patience.read
            transport.patience_s = self._patience.window

    def _drain(self) -> None:
        with self._failures():
            port = self._transport.serial
            port.timeout = self._patience.quiet
            until = time.monotonic() + self._patience.settle
            while port.read(4096) and time.monotonic() < until:
                continue
            port.timeout = self._patience.read

    @contextlib.contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except TransportExecError as exc:
            raise BoardFailed(str(exc), "") from None
        except TransportError as exc:
            raise OutOfStep(
                f"the board on {self.name} stopped answering ({exc})",
                "Press its reset button and try again; look at its console: flash.py monitor.",
            ) from None
        except serial.SerialTimeoutException:
            raise no_repl(self.name, b"") from None
        except (serial.SerialException, OSError) as exc:
            raise Unreachable(
                f"the connection to {self.name} was lost ({exc})",
                "Check the cable, and that no other program uses the port; then try again.",
            ) from None
