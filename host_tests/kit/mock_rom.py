"""An ESP32 in its boot ROM on a pseudo-terminal: what esptool talks to when no board is there."""

from __future__ import annotations

import threading
from collections.abc import Callable

from esp32_mock_bootloader import server

from host_tests.kit import port_names

# The mock forgets the helper program some seconds after each finished write, as if the board had
# restarted; a real one stays in it until it is reset, however long the next write takes.
server._FLASH_END_IDLE_SEC = 1e9


class _Port(server.PtyMasterTransport):  # type: ignore[misc]  # a package without types
    """Its pseudo-terminal. The mock gives a client 50 ms to acknowledge what it reads and then
    falls silent; a board waits, and so does this, until `stop`."""

    stop: threading.Event

    def recv(self, size: int) -> bytes:
        while True:
            try:
                data: bytes = super().recv(size)
                return data
            except TimeoutError:
                if self.stop.is_set():
                    raise


class MockRom:
    """A board of `chip` with 4 MiB of flash; a context manager.

    content: what is in its flash already. after_write: called after each finished write with the
    flash and the number of writes so far, to spoil what was written.
    """

    def __init__(
        self,
        chip: str = "esp32",
        content: bytes = b"",
        after_write: Callable[[bytearray, int], None] | None = None,
    ) -> None:
        self._image = server.FlashImage()
        self._image.data[: len(content)] = content
        self._chip = chip
        self._after_write = after_write
        self._writes = 0
        self._end = self._image.end_defl
        self._image.end_defl = self._written
        self._stop = threading.Event()
        self._pty = _Port.create()
        self._pty.stop = self._stop
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.port = port_names.lend(self._pty._slave)

    def __enter__(self) -> MockRom:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)
        self._pty.close()
        port_names.give_back(self.port)

    @property
    def flash(self) -> bytes:
        """The 4 MiB of its flash."""
        return bytes(self._image.data)

    def _run(self) -> None:
        while not self._stop.is_set():
            connection = server.BootloaderConnection(pty=self._pty)
            server.handle_client(connection, self._stop, self._chip, flash=self._image)

    def _written(self) -> None:
        self._end()
        self._writes += 1
        if self._after_write is not None:
            self._after_write(self._image.data, self._writes)
