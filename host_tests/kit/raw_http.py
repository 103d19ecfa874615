"""One request to the stand-in's downloads over a raw socket: what came, as it came."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from host_tests.kit.raw_mqtt import TIMEOUT_S
from tools.cloud import LocalCloud

_END = b"\r\n\r\n"  # of a head
_SILENCE_S = 0.3


@dataclass
class Reply:
    """What came over the wire. `headers` as they were spelled, `pieces` as they were read."""

    status: int
    headers: dict[str, str]
    body: bytes
    pieces: int
    head: bytes
    clean: bool  # False: TLS was cut off without its own ending


def fetch(
    cloud: LocalCloud,
    link: str,
    *,
    range_: str | None = None,
    method: str = "GET",
    stop_after: int | None = None,
    silent_after: int | None = None,
) -> Reply:
    """One request over a raw socket, read until the server closes (or `stop_after` bytes).

    silent_after: bytes of the body behind which a moment of silence is the end, too.
    """
    parts = urlsplit(link)
    assert parts.port is not None
    sock = socket.create_connection(("127.0.0.1", parts.port), TIMEOUT_S)
    if parts.scheme == "https":
        context = ssl.create_default_context(cadata=cloud.ca_der)
        sock = context.wrap_socket(
            sock, server_hostname=parts.hostname, suppress_ragged_eofs=False
        )
    target = link[link.index("/", 8) :]
    lines = [f"{method} {target} HTTP/1.1", f"Host: {parts.netloc}"]
    if range_ is not None:
        lines.append(f"Range: {range_}")
    data, pieces, clean = b"", 0, True
    with sock:
        sock.sendall("\r\n".join([*lines, "", ""]).encode())
        while stop_after is None or len(data) < stop_after:
            try:
                piece = sock.recv(65536)
            except ssl.SSLEOFError:
                clean = False
                break
            except TimeoutError:
                break
            if not piece:
                break
            data += piece
            pieces += 1
            if silent_after is not None and len(data.partition(_END)[2]) >= silent_after:
                sock.settimeout(_SILENCE_S)
    head, _, body = data.partition(_END)
    first, *rest = head.decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in rest)
    return Reply(int(first.split()[1]), headers, body, pieces, head, clean)
