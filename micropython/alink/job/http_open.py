# A connection for a download: verified TLS, deadlines and a bounded head, on requests. MIT licence.
#
# requests (frozen into ESP32 firmware as 0.10.2) has no way to pass a TLS context and verifies
# nothing, copies a link eight times, and its socket's readline() takes any line at any pace. So for
# the length of one call it is given a stand-in for the two modules it uses, `socket` and `tls`, and
# for what they make. It makes the connection; what goes over it is made and judged by http_link.py
# and http_head.py, in the download's own block, which is empty meanwhile.
#
# requests.socket and sys.modules are shared by the whole program: no second request meanwhile.

import gc
import socket
import sys
import time

from micropython import const

from .. import parts, wire
from ..errors import AlinkError

_E_TLS = const(3)
_E_HTTP_HEAD = const(41)


def connect(source, url, offset, size):
    """Open `source` (download.Source): ask for `url` (str) from byte `offset` on, of `size`.

    Returns where the body really starts (int): offset, or 0 when the server sends the whole file
    to a request for a part. One bounded step: connect_timeout_ms for connection, TLS handshake and
    request, head_timeout_ms for the head; on top comes the look-up of the host, which has no
    time-out on an ESP32, and one step of the handshake (a second on a slow chip).

    Raises AlinkError: INSECURE, JOB_PROTOCOL or JOB_FIELD for a link not to be used at all; CLOCK,
    TLS, LINK, TIMEOUT, NO_MEMORY; EXPIRED (403, 410), HTTP_STATUS, HTTP_HEAD, HTTP_LENGTH,
    HTTP_REDIRECT, HTTP_CHUNKED. No error tells more of the link than host and path: the rest is a
    signature. Nothing is left open after an error.
    """
    source.close()
    n, link, where = parts.ask("job.http_link", "request", source, url, offset)
    door = _Door(source, n, offset, size, link[4] == "s")
    gc.collect()  # TLS wants its memory in large pieces
    known = "requests" in sys.modules
    import requests

    real_socket = requests.socket
    real_tls = sys.modules.get("tls")
    try:
        if door.secure:
            door.context = wire.context(source.config.get("ca"))  # while there is a real `tls`
        door.doing = "looking up the host"
        requests.socket = sys.modules["tls"] = door
        requests.get(link, parse_headers=False)
        if door.start < 0:
            raise AlinkError(_E_HTTP_HEAD, "requests read no head")
        source.stream = door.wire.sock
    except Exception as e:
        e = parts.ask("faults", "named", e, door.doing)
        raise AlinkError(e.code, "%s (%s)" % (e.detail, where))
    finally:
        requests.socket = real_socket
        if real_tls is None:
            sys.modules.pop("tls", None)
        else:
            sys.modules["tls"] = real_tls
        if not known:
            del sys.modules["requests"]
        if source.stream is None:  # also when something else than an Exception flies past
            door.close()
    return door.start


class _Door:
    """Stands in for the modules `socket` and `tls`, and for the socket and the context.

    requests asks for CERT_NONE; whatever it asks for, the context verifies. secure: bool, it is an
    https:// link. start: int, where the body starts in the file, -1 before the head is complete.
    """

    SOCK_STREAM = socket.SOCK_STREAM
    PROTOCOL_TLS_CLIENT = CERT_NONE = 0

    def __init__(self, source, count, offset, size, secure):
        self.on_feed = source.config.get("on_feed")
        self.start = -1
        self.doing = "TLS handshake"
        self.wire = self.raw = self.context = self.verify_mode = None
        self.source = source
        self.count = count  # bytes of the request, in the block
        self.offset = offset
        self.size = size
        self.secure = secure

    # What requests calls, in this order.

    def getaddrinfo(self, *args):
        return socket.getaddrinfo(*args)

    def socket(self, *args):
        self.raw = socket.socket(*args)
        return self

    def connect(self, address):
        self.doing = "connecting"
        ms = self.source.config.get("connect_timeout_ms", 10000)
        began = time.ticks_ms()
        self.raw.settimeout(ms / 1000)
        self.raw.connect(address)
        self.wire = wire.Wire(self.raw, self)
        self.wire.allow(ms - time.ticks_diff(time.ticks_ms(), began))

    def SSLContext(self, protocol):
        return self

    def wrap_socket(self, sock, server_hostname):
        self.doing = "TLS handshake"
        self.wire.secure(self.context, server_hostname)
        return self

    def write(self, data):
        return len(data)

    def readline(self):
        # The first call reads and judges the whole head; requests is told that all is well.
        if self.start >= 0:
            return b"\r\n"
        wire = self.wire
        if self.secure and wire.sock is wire.raw:
            # Only a requests that has found a way around the stand-in for tls gets here.
            raise AlinkError(_E_TLS, "not encrypted, nothing sent")
        block = self.source.block
        wire.write(block, self.count)  # with TLS this shakes hands first
        self.doing = "waiting for the answer"
        wire.allow(self.source.config.get("head_timeout_ms", 10000))
        self.start = parts.ask("job.http_head", "read", wire, block, self.offset, self.size)
        return b"HTTP/1.0 200\r\n"

    def close(self):
        if self.wire is not None:
            self.wire.close()
        elif self.raw is not None:
            self.raw.close()
