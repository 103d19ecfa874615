"""A listening port that can fall silent, go away and come back."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable

from tools.cli import Refused
from tools.cloud import open_files

Factory = Callable[[], asyncio.Protocol]

EVERYWHERE = ("0.0.0.0", "::")  # addresses that are all of this machine's
HANDSHAKE_TIMEOUT_S = 20.0
BACKLOG = 128


class Listener:
    """One port of this host; 0 takes a free one, which it keeps. Raises Refused when taken.

    It accepts by itself instead of through asyncio's server: while it is silent its socket stays
    bound, so that the kernel still takes connections on which nothing ever happens, and closing
    leaves no connection half accepted. `failed(why)` hears of handshakes that came to nothing.
    """

    def __init__(
        self,
        address: tuple[str, int],
        factory: Factory,
        tls: ssl.SSLContext | None,
        failed: Callable[[str], None],
    ) -> None:
        self.host, self.port = address
        self._factory = factory
        self._tls = tls
        self._failed = failed
        self._socket: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._opening: set[asyncio.Task[None]] = set()
        self._bind()

    def _bind(self) -> None:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((self.host, self.port))
            sock.listen(BACKLOG)
        except OSError as exc:
            sock.close()
            elsewhere = isinstance(exc, socket.gaierror) or exc.errno == errno.EADDRNOTAVAIL
            if elsewhere:
                raise Refused(
                    f"cannot listen on {self.host}: that is no address of this machine",
                    "Listen on one that is, or on all of them: 0.0.0.0.",
                ) from None
            raise Refused(
                f"cannot listen on {self.host} port {self.port}: {exc.strerror}",
                "Choose another port, or stop the program that has it.",
            ) from None
        sock.setblocking(False)
        self._socket = sock
        self.port = sock.getsockname()[1]

    def open(self) -> None:
        """Accept connections."""
        if self._socket is None:
            self._bind()
        if self._accepting is None:
            self._accepting = asyncio.get_running_loop().create_task(self._accept())

    async def silence(self) -> None:
        """Accept nothing any more, but let the kernel go on taking connections."""
        tasks = [*self._opening, *([self._accepting] if self._accepting else [])]
        self._accepting = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        """Give the port up: connections are refused."""
        await self.silence()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        assert self._socket is not None
        told = False
        while True:
            try:
                sock, _ = await loop.sock_accept(self._socket)
            except OSError as exc:
                # Out of file descriptors, most likely: the next attempt may find one.
                if not told:
                    files = exc.errno in (errno.EMFILE, errno.ENFILE)
                    what = f". {open_files.advice()}" if files else ""
                    self._failed(f"cannot accept: {exc.strerror}{what}")
                told = True
                await asyncio.sleep(0.1)
                continue
            told = False
            task = loop.create_task(self._open(sock))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self, sock: socket.socket) -> None:
        try:
            sock.setblocking(False)
            timeout = HANDSHAKE_TIMEOUT_S if self._tls is not None else None
            await asyncio.get_running_loop().connect_accepted_socket(
                self._factory, sock, ssl=self._tls, ssl_handshake_timeout=timeout
            )
        except asyncio.CancelledError:
            sock.close()
            raise
        except OSError as exc:  # ssl.SSLError is one, too
            self._failed(getattr(exc, "reason", None) or str(exc) or type(exc).__name__)
