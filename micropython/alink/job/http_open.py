# A connection for a download, and the request on it: verified TLS, deadlines. MIT licence.
#
# On requests (frozen into ESP32 firmware as 0.10.2), which has no way to pass a TLS context and
# verifies nothing, copies a link eight times, and reads any line at any pace. So for the length of
# one call it is given a stand-in for the two modules it uses, `socket` and `tls`, and for what
# they make. What it asks for there is done when it is gone again: RAM is short in a handshake.
# The link is judged before, in http_link.py, the answer afterwards, in http_head.py. Request and
# head lie in the download's own block, which is empty meanwhile.
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


def connect(source, count, link, where):
    """Send the request that http_link.py has written; a Wire is left in source.stream.

    count, link, where: what that has returned. Raises AlinkError, see Source.open(). Nothing is
    left open then.
    """
    config = source.config
    raw = line = context = None
    doing = "TLS handshake"
    gc.collect()  # TLS wants its memory in large pieces
    try:
        if link[4] == "s":
            context = wire.context(config.get("ca"))  # while there is a real `tls`
        doing = "looking up the host"
        door = _HttpDoor()
        _drive(door, link)
        if not door.asked:
            raise AlinkError(_E_HTTP_HEAD, "requests read no head")
        if context is not None and door.host is None:
            # Only a requests that has found a way around the stand-in for tls gets here.
            raise AlinkError(_E_TLS, "not encrypted, nothing sent")
        raw = socket.socket(*door.kind)
        doing = "connecting"
        ms = config.get("connect_timeout_ms", 10000)
        began = time.ticks_ms()
        raw.settimeout(ms / 1000)
        raw.connect(door.address)
        line = wire.Wire(raw, source)
        line.allow(ms - time.ticks_diff(time.ticks_ms(), began))
        if context is not None:
            doing = "TLS handshake"
            line.sock = context.wrap_socket(
                raw, server_hostname=door.host, do_handshake_on_connect=False
            )
        line.write(source.block, count)  # with TLS this shakes hands first
        source.stream = line
    except Exception as e:
        e = parts.ask("faults", "named", e, doing)
        raise AlinkError(e.code, "%s (%s)" % (e.detail, where))
    finally:
        if source.stream is None:  # also when something else than an Exception flies past
            if line is not None:
                line.close()
            elif raw is not None:
                raw.close()


def _drive(door, link):
    # What requests would do with `link`.
    requests = real_socket = None
    real_tls = sys.modules.get("tls")
    try:
        firmware = parts.use("firmware")
        requests = firmware.find("requests")
        firmware.__dict__.clear()  # what finds is not needed beside what it has found
        firmware = None
        real_socket = requests.socket
        requests.socket = sys.modules["tls"] = door
        requests.get(link, parse_headers=False)
    finally:
        if requests is not None:
            requests.socket = real_socket
            requests = None
        if real_tls is None:
            sys.modules.pop("tls", None)
        else:
            sys.modules["tls"] = real_tls
        parts.drop("firmware")


class _HttpDoor:
    """Stands in for the modules `socket` and `tls`, and for the socket and the context.

    requests asks for CERT_NONE; whatever it asks for, the context verifies. kind: arguments of
    the socket, address: of its connection, host: of its TLS, each as asked for. asked: bool, the
    head of an answer was wanted.
    """

    SOCK_STREAM = socket.SOCK_STREAM
    PROTOCOL_TLS_CLIENT = CERT_NONE = 0

    def __init__(self):
        self.getaddrinfo = socket.getaddrinfo
        self.kind = self.address = self.host = self.verify_mode = None
        self.asked = False

    # What requests calls, in this order.

    def socket(self, *args):
        self.kind = args
        return self

    def connect(self, address):
        self.address = address

    def SSLContext(self, protocol):
        return self

    def wrap_socket(self, sock, server_hostname):
        self.host = server_hostname
        return self

    def write(self, data):
        return len(data)

    def readline(self):
        # requests is told that all is well, and has no part in what comes.
        if self.asked:
            return b"\r\n"
        self.asked = True
        return b"HTTP/1.0 200\r\n"

    def close(self):
        pass
