"""Programs that tell how much of an ESP32's heap there is, and a server for their TLS."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from host_tests.kit.accepting import accepted, stop_accepting
from host_tests.kit.sim_desk import run
from tools.sim import Board

ROOT = Path(__file__).resolve().parents[2]

# What the programs share. hold(n): n bytes as they would be on the chip, in small pieces.
HEAD = """
import esp32, gc, network, socket, sys, time, tls
def free():
    gc.collect()
    return sum(region[1] for region in esp32.idf_heap_info(esp32.HEAP_DATA))
def lowest():
    return sum(region[3] for region in esp32.idf_heap_info(esp32.HEAP_DATA))
def hold(n):
    return [bytearray(990) for _ in range(n // 1024)]
def join():
    wlan = network.WLAN(network.STA_IF)
    wlan.active(True)
    wlan.connect("desk", "key")
    while not wlan.isconnected(): time.sleep_ms(5)
def context(roots=1):
    made = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    for _ in range(roots): made.load_verify_locations(CA)
    return made
def session(ctx, **options):
    sock = socket.socket()
    sock.settimeout(10)
    sock.connect(socket.getaddrinfo("127.0.0.1", PORT)[0][-1])
    return ctx.wrap_socket(sock, server_hostname="desk", **options)
def error(f, *args, **options):
    try:
        f(*args, **options)
    except (OSError, ValueError, MemoryError) as e:
        return repr(e)
"""


class Echo:
    """A TLS server that gives back what it gets."""

    def __init__(self) -> None:
        authority = trustme.CA()
        certificate = x509.load_pem_x509_certificate(authority.cert_pem.bytes())
        self.ca = certificate.public_bytes(Encoding.DER)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("desk").configure_cert(self._context)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        for sock in accepted(self._listener):
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            with self._context.wrap_socket(sock, server_side=True) as wrapped:
                while data := wrapped.recv(4096):
                    wrapped.sendall(data)
        except OSError:
            sock.close()

    def close(self) -> None:
        stop_accepting(self._listener)


def said(board: Board, program: str, echo: Echo | None = None) -> dict[str, str]:
    """Run a program behind HEAD; what it printed as "name value", by name."""
    ca, port = (echo.ca, echo.port) if echo else (b"", 0)
    text = run(board, f"CA = {ca!r}\nPORT = {port}\n{HEAD}{program}")
    assert "Traceback" not in text, text
    lines = [line.split(" ", 1) for line in text.split("\n") if " " in line]
    return {line[0]: line[1] for line in lines}


def near(value: str, wanted: int, percent: float = 2) -> bool:
    """Whether a number is as measured on a chip (chip-memory.md), or nearly."""
    return abs(int(value) - wanted) <= wanted * percent / 100
