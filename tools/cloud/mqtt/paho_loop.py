"""A paho-mqtt client in the event loop that runs already, by the calls that it has for that.

Its own loop is a thread that waits with select(), which takes no file beyond the 1,024th; a
stand-in that serves a fleet has more of them open.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from paho.mqtt.client import Client

_LOOK_S = 1.0  # so often paho looks whether it has to ping, or was not answered


class PahoLoop:
    """Reads and writes for `client`, which connect_async() has told where to.

    `broken(why)` hears of what paho could not read; of every other end its own callbacks tell.
    """

    def __init__(self, client: Client, broken: Callable[[str], None]) -> None:
        self._client = client
        self._broken = broken
        self._number = -1  # of the socket, while it is watched
        self._look: asyncio.TimerHandle | None = None
        client.on_socket_register_write = self._write_later
        client.on_socket_unregister_write = self._write_no_more
        client.on_socket_close = self._forget

    async def open(self) -> None:
        """Connect, with TLS if the client has it, and send CONNECT. Raises OSError."""
        loop = asyncio.get_running_loop()
        # It blocks until the connection is there, for its connect_timeout at most.
        connecting = loop.run_in_executor(None, self._client.reconnect)
        try:
            await asyncio.shield(connecting)
        except asyncio.CancelledError:
            # A thread cannot be called off: what it opens is closed, not left.
            await asyncio.wait([connecting])
            self.close()
            raise
        sock = self._client.socket()
        if sock is None:  # it was closed as soon as it was there
            raise OSError("the connection is lost")
        self._number = sock.fileno()
        loop.add_reader(self._number, self._read)
        if self._client.want_write():
            loop.add_writer(self._number, self._client.loop_write)
        self._look = loop.call_later(_LOOK_S, self._look_around)

    def close(self) -> None:
        """Sign off, if that is possible at once, and close the socket."""
        self._client.disconnect()
        self._client.loop_write()
        # paho closes behind its last packet; a broker that does not read it gets none.
        sock = self._client.socket()
        self._forget()
        if isinstance(sock, socket.socket):
            sock.close()

    def _read(self) -> None:
        try:
            while (sock := self._client.socket()) is not None:
                self._client.loop_read()
                # What TLS has decrypted already no loop is told of.
                pending = getattr(sock, "pending", None)
                if pending is None or self._client.socket() is None or not pending():
                    break
        except Exception as exc:
            # Whatever a broker has sent: paho trips over some of what is not MQTT.
            self._broken(f"{type(exc).__name__}: {exc}")

    def _look_around(self) -> None:
        self._look = asyncio.get_running_loop().call_later(_LOOK_S, self._look_around)
        self._client.loop_misc()

    def _write_later(self, client: Client, userdata: object, sock: object) -> None:
        if self._number >= 0:  # before that it is the connecting thread that calls
            loop = asyncio.get_running_loop()
            loop.add_writer(self._number, self._client.loop_write)

    def _write_no_more(self, client: Client, userdata: object, sock: object) -> None:
        if self._number >= 0:
            asyncio.get_running_loop().remove_writer(self._number)

    def _forget(self, *_: object) -> None:
        number, self._number = self._number, -1
        if number >= 0:
            loop = asyncio.get_running_loop()
            loop.remove_reader(number)
            loop.remove_writer(number)
        if self._look is not None:
            self._look.cancel()
            self._look = None
