"""mpremote's transport, with limits of our own and a mounted folder that cannot hang.

mpremote waits 10 s for the next byte unless told otherwise, also in a soft reset, where a board
may be silent for longer. Here a wait that has a limit of its own has no other.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mpremote.transport import TransportError
from mpremote.transport_serial import (
    PyboardCommand,
    SerialIntercept,
    SerialTransport,
    fs_hook_code,
)

_PAUSE_S = 0.002  # between looks at a port that has nothing

# Run on the board: mpremote's file system, at a place of our choice, with statvfs(), and with the
# arguments of MicroPython's own streams: readinto(buf, n), write(buf, n), write(buf, offset, n).
_HOOK: str = (
    fs_hook_code
    + """
def __part(f):
 def g(self,buf,*a):
  if a:
   at=a[0] if a[1:] else 0
   buf=memoryview(buf)[at:at+a[-1]]
  return f(self,buf)
 return g
RemoteFile.readinto=__part(RemoteFile.readinto)
RemoteFile.write=__part(RemoteFile.write)
RemoteFS.statvfs=lambda self,path:(4096,4096,65536,32768,32768,0,0,0,0,255)
os.mount(RemoteFS(RemoteCommand()),AT)
os.chdir(AT)
"""
)


class Transport(SerialTransport):  # type: ignore[misc]  # mpremote has no types
    """A raw REPL at a port.

    patience_s: how long the board may say nothing where no other limit is given. tick: called
    every now and then while it is waited for. watch: gets each line that is read meanwhile.
    """

    serial: Any
    patience_s = 10.0
    tick: Callable[[], None] | None = None
    watch: Callable[[bytes], None] | None = None
    _until: float | None = None

    def __init__(self, port: str, baudrate: int, timeout: float) -> None:
        super().__init__(port, baudrate=baudrate, timeout=timeout)
        peer = getattr(self.serial, "_socket", None)  # of socket://HOST:PORT
        if peer is not None:  # its many small answers to a board must not wait for each other
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        """As mpremote's. A process that is just being started cannot keep the port busy."""
        with contextlib.suppress(OSError):
            self.serial.exclusive = False
        super().close()

    def read_until(
        self,
        least: int,
        ending: bytes,
        timeout: float | None = None,
        data_consumer: Callable[[bytes], None] | None = None,
        timeout_overall: float | None = None,
    ) -> bytes:
        """As mpremote's. timeout: s between bytes; None: patience_s, or no such limit where there
        is one for all of them.
        """
        began = last = time.monotonic()
        limits = [] if timeout_overall is None else [began + timeout_overall]
        if self._until is not None:
            limits.append(self._until)
        if timeout is None and not limits:
            timeout = self.patience_s
        data = b""
        while not data.endswith(ending):
            if self.serial.inWaiting() and (byte := self.serial.read(1)):
                if data_consumer is None:
                    data += byte
                    if byte == b"\n" and self.watch is not None:
                        self.watch(data[data.rfind(b"\n", 0, -1) + 1 :])
                else:
                    data_consumer(byte)
                    data = byte
                last = time.monotonic()
                continue
            now = time.monotonic()
            if (timeout is not None and now >= last + timeout) or any(now >= t for t in limits):
                break
            if self.tick is not None:
                self.tick()
            time.sleep(_PAUSE_S)
        return data

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """All that is waited for inside ends by then."""
        self._until = time.monotonic() + seconds
        try:
            yield
        finally:
            self._until = None

    @staticmethod
    def mounting() -> str:
        """The program that makes a board see a folder; AT is assigned by whoever sends it."""
        return _HOOK

    def serve(self, folder: Path) -> None:
        """Answer what the board asks of that folder, from now on."""
        self.cmd = PyboardCommand(self.serial, self.serial, str(folder))
        self.serial = _Serving(self.serial, self.cmd)
        self.mounted = True

    def serve_no_more(self) -> None:
        """The board has forgotten the folder, or will."""
        if self.mounted:
            self.serial = self.serial.orig_serial
            self.mounted = False


class _Serving(SerialIntercept):  # type: ignore[misc]
    """A port that answers requests for files on the way: mpremote's, whose reads never end."""

    buf: bytes

    def __init__(self, port: Any, command: PyboardCommand) -> None:
        before = port.timeout
        super().__init__(port, command)
        port.timeout = before

    @property
    def timeout(self) -> float | None:
        """s for a read, as the port's own."""
        value: float | None = self.orig_serial.timeout
        return value

    @timeout.setter
    def timeout(self, value: float | None) -> None:
        self.orig_serial.timeout = value

    def read(self, n: int = 1) -> bytes:
        """Up to n bytes: fewer when the time is over."""
        limit = self.timeout
        until = None if limit is None else time.monotonic() + limit
        while len(self.buf) < n and (until is None or time.monotonic() < until):
            self._check_input(True)
        out, self.buf = self.buf[:n], self.buf[n:]
        return out

    def _check_input(self, blocking: bool) -> None:
        try:
            super()._check_input(blocking)
        except (IndexError, KeyError, TypeError, struct.error):
            raise TransportError("a request for a file came in part") from None
