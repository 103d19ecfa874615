# A connection for a download, and the request on it: verified TLS, deadlines. MIT licence.
#
# On requests (frozen into ESP32 firmware as 0.10.2), which has no way to pass a TLS context and
# verifies nothing, copies a link eight times, and reads any line at any pace. So for the length of
# one call it is given a stand-in for the two modules it uses, `socket` and `tls`, and for what
# they make. It makes the connection and asks; the link is judged before, in http_link.py, the
# answer afterwards, in http_head.py. Request and head lie in the download's own block, which is
# empty meanwhile.
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
    door = _HttpDoor(source, count, link[4] == "s")
    gc.collect()  # TLS wants its memory in large pieces
    firmware = parts.use("firmware")
    requests = firmware.find("requests")
    firmware.__dict__.clear()  # what finds is not needed beside what it has found
    firmware = None
    real_socket = requests.socket
    real_tls = sys.modules.get("tls")
    try:
        if door.secure:
            door.context = wire.context(source.config.get("ca"))  # while there is a real `tls`
        door.doing = "looking up the host"
        requests.socket = sys.modules["tls"] = door
        requests.get(link, parse_headers=False)
        if not door.sent:
            raise AlinkError(_E_HTTP_HEAD, "requests read no head")
        source.stream = door.wire
        door.wire.feeder = source  # not this door, which goes with its code
    except Exception as e:
        e = parts.ask("faults", "named", e, door.doing)
        raise AlinkError(e.code, "%s (%s)" % (e.detail, where))
    finally:
        requests.socket = real_socket
        if real_tls is None:
            sys.modules.pop("tls", None)
        else:
            sys.modules["tls"] = real_tls
        requests = None
        parts.drop("firmware")
        if source.stream is None:  # also when something else than an Exception flies past
            door.close()


class _HttpDoor:
    """Stands in for the modules `socket` and `tls`, and for the socket and the context.

    requests asks for CERT_NONE; whatever it asks for, the context verifies. secure: bool, it is an
    https:// link. sent: bool, the request has left.
    """

    SOCK_STREAM = socket.SOCK_STREAM
    PROTOCOL_TLS_CLIENT = CERT_NONE = 0

    def __init__(self, source, count, secure):
        self.on_feed = source.config.get("on_feed")
        self.doing = "TLS handshake"
        self.wire = self.raw = self.context = self.verify_mode = None
        self.source = source
        self.count = count  # bytes of the request, in the block
        self.secure = secure
        self.sent = False

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
        self.wire.sock = self.context.wrap_socket(
            self.raw, server_hostname=server_hostname, do_handshake_on_connect=False
        )
        return self

    def write(self, data):
        return len(data)

    def readline(self):
        # requests is told that all is well, and has no part in what comes.
        if self.sent:
            return b"\r\n"
        if self.secure and self.wire.sock is self.wire.raw:
            # Only a requests that has found a way around the stand-in for tls gets here.
            raise AlinkError(_E_TLS, "not encrypted, nothing sent")
        try:
            self.wire.write(self.source.block, self.count)  # with TLS this shakes hands first
        except Exception as e:
            # Named while all is open: requests closes what it has made, and then there is memory.
            raise parts.ask("faults", "named", e, self.doing)
        self.sent = True
        return b"HTTP/1.0 200\r\n"

    def close(self):
        if self.wire is not None:
            self.wire.close()
        elif self.raw is not None:
            self.raw.close()
