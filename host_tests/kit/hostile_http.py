"""A scripted download server for tests: it says exactly what a test tells it to, byte by byte.

No HTTP library would send these answers. Each connection gets a thread that runs the test's
script with a Talk; TLS is on unless told otherwise. Everything it was asked is kept.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import trustme

from host_tests.kit.accepting import accepted, stop_accepting

WAIT_S = 30.0  # how long a script waits for its peer before it gives up


class Talk:
    """One accepted connection, as a script sees it."""

    def __init__(self, sock: socket.socket, stop: threading.Event) -> None:
        self.sock = sock
        self._stop = stop
        self.request = b""

    def read_request(self) -> bytes:
        """Read up to the empty line that ends a request; returns it, or what came before EOF."""
        while b"\r\n\r\n" not in self.request:
            data = self.sock.recv(4096)
            if not data:
                break
            self.request += data
        return self.request

    def send(self, data: bytes) -> None:
        """Send all of it at once."""
        self.sock.sendall(data)

    def pause(self, seconds: float) -> bool:
        """Be a slow network for a while; True when the test ended meanwhile."""
        return self._stop.wait(seconds)

    def drip(self, data: bytes, every_s: float = 0.05) -> None:
        """Send one byte at a time until all is sent or the test ends."""
        for value in data:
            self.sock.sendall(bytes([value]))
            if self.pause(every_s):
                return

    def below(self, data: bytes) -> None:
        """Send straight onto the TCP connection, past TLS."""
        with socket.socket(fileno=os.dup(self.sock.fileno())) as raw:
            raw.sendall(data)

    def hang(self) -> None:
        """Say nothing more until the peer closes or the test ends."""
        self.sock.settimeout(0.1)
        while not self._stop.is_set():
            try:
                if not self.sock.recv(4096):
                    return
            except TimeoutError:
                continue

    def reset(self) -> None:
        """Break the connection the hard way (TCP RST)."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


Script = Callable[[Talk], None]


class HostileServer:
    """Listens on 127.0.0.1 and runs `script` on each connection, within a TLS session if given.

    Attributes: port (int), requests (list of the request heads read, bytes, in order),
    connections (int).
    """

    def __init__(self, script: Script, tls: ssl.SSLContext | None) -> None:
        self._script = script
        self._tls = tls
        self._stop = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self.port: int = self._listener.getsockname()[1]
        self.requests: list[bytes] = []
        self.connections = 0

    def __enter__(self) -> HostileServer:
        self._start(self._accept)
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        stop_accepting(self._listener)
        for thread in self._threads:
            thread.join(WAIT_S)

    def url(self, path: str = "/fw.bin", host: str = "localhost") -> str:
        """A link to this server."""
        scheme = "https" if self._tls else "http"
        return f"{scheme}://{host}:{self.port}{path}"

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        for sock in accepted(self._listener):
            self.connections += 1
            self._start(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        # A peer that hangs up, or refuses our certificate, is what many tests are about.
        with contextlib.suppress(OSError), contextlib.closing(sock):
            sock.settimeout(WAIT_S)
            if self._tls:
                sock = self._tls.wrap_socket(sock, server_side=True)
            with contextlib.closing(sock):
                talk = Talk(sock, self._stop)
                try:
                    self._script(talk)
                finally:
                    if talk.request:
                        self.requests.append(talk.request)


def answer(head: bytes | str, body: bytes = b"") -> Script:
    """A script: read the request, send a head (without the empty line), then a body, close."""
    data = head.encode() if isinstance(head, str) else head

    def script(talk: Talk) -> None:
        talk.read_request()
        talk.send(data + b"\r\n\r\n" + body)

    return script


def answer_and_hang(data: bytes) -> Script:
    """A script: read the request, send exactly `data`, then keep the connection open."""

    def script(talk: Talk) -> None:
        talk.read_request()
        talk.send(data)
        talk.hang()

    return script


def server_context(cert: trustme.LeafCert) -> ssl.SSLContext:
    """A server-side TLS context that shows `cert`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    cert.configure_cert(context)
    return context


def write_der(ca: trustme.CA, file: Path) -> Path:
    """Write a CA's certificate as DER; returns the file."""
    file.write_bytes(ssl.PEM_cert_to_DER_cert(ca.cert_pem.bytes().decode()))
    return file


@contextlib.contextmanager
def deaf_port() -> Iterator[int]:
    """A port of 127.0.0.1 that answers no connection request at all (its queue is full)."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port: int = listener.getsockname()[1]
        fillers: list[socket.socket] = []
        try:
            while True:  # until the queue is full: the next SYN then stays unanswered
                filler = socket.socket()
                fillers.append(filler)
                filler.settimeout(0.5)
                try:
                    filler.connect(("127.0.0.1", port))
                except TimeoutError:
                    break
            yield port
        finally:
            for filler in fillers:
                filler.close()
