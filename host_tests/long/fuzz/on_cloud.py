"""The stand-in under fire: what runs it, and what notices that something in it has broken."""

from __future__ import annotations

import asyncio
import logging
import socket
import tempfile
from pathlib import Path
from typing import Any

from host_tests.kit.raw_mqtt import DN, PK, RawDevice
from tools.cloud import LocalCloud

OTHER = "greenhouse_08"
SECRETS = {DN: "0123456789abcdef0123456789abcdef", OTHER: "fedcba9876543210fedcba9876543210"}
_ANSWER_S = 10.0


class Fire(logging.Handler):
    """A LocalCloud with two devices; `broken` collects what its event loop could not handle."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.broken: list[str] = []
        self._folder = tempfile.TemporaryDirectory(prefix="fuzz-cloud-")
        self.folder = Path(self._folder.name)
        self.cloud = LocalCloud(self.folder, keep=2000)
        self.cloud.faults.connects_per_minute = None
        self.cloud.faults.uplink_qos0_per_s = self.cloud.faults.uplink_qos1_per_s = None
        for name, secret in SECRETS.items():
            self.cloud.add_device(PK, name, secret)
        loop = self.cloud._loop
        loop.call_soon_threadsafe(loop.set_exception_handler, self._unhandled)
        logging.getLogger().addHandler(self)
        logging.getLogger("uvicorn.error").addHandler(self)

    def _unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.broken.append(f"{context.get('message')}: {context.get('exception')!r}")

    def emit(self, record: logging.LogRecord) -> None:
        """An error in a log is a finding, too."""
        self.broken.append(record.getMessage() + f" {record.exc_info and record.exc_info[1]!r}")

    def __enter__(self) -> Fire:
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger().removeHandler(self)
        logging.getLogger("uvicorn.error").removeHandler(self)
        self.cloud.close()
        self._folder.cleanup()

    def take_broken(self) -> str | None:
        """What broke since the last call, or None."""
        said, self.broken = "; ".join(self.broken), []
        return said or None

    def neighbour(self) -> RawDevice:
        """The second device, signed in and subscribed to its own topics by the platform."""
        device = RawDevice(self.cloud)
        assert device.connect(dn=OTHER, secret=SECRETS[OTHER], extra=",_ss=1") == 0
        return device

    def exchange(self, port: int, data: bytes) -> bytes | None:
        """Send bytes, end the sending side, and read to the end; None when it never ends."""
        with socket.create_connection(("127.0.0.1", port), _ANSWER_S) as sock:
            answer = b""
            try:
                sock.sendall(data)
                sock.shutdown(socket.SHUT_WR)
                while piece := sock.recv(65536):
                    answer += piece
            except TimeoutError:
                return None
            except OSError:
                return answer  # closed while we were still talking: that is an answer
            return answer
