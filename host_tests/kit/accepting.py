"""The connections a test's own server takes."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator


def accepted(listener: socket.socket) -> Iterator[socket.socket]:
    """Each connection that comes, until stop_accepting() is called."""
    while True:
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        yield sock


def stop_accepting(listener: socket.socket) -> None:
    """Close it, and wake the thread that waits in accepted()."""
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()
