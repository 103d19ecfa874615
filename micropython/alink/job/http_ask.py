# Where a download's connection leads to: what requests makes of a link. MIT licence.
#
# On requests (frozen into ESP32 firmware as 0.10.2), which has no way to pass a TLS context and
# verifies nothing, copies a link eight times, and reads any line at any pace. So for the length of
# one call it is given a stand-in for the two modules it uses, `socket` and `tls`, and for what
# they make: this module, which takes less than a class. What it asks for there is done when this
# is gone again (http_open.py): RAM is short.
#
# requests.socket and sys.modules are shared by the whole program: no second request meanwhile.

import socket as net
import sys

from micropython import const

from .. import parts
from ..errors import AlinkError

_E_TLS = const(3)
_E_HTTP_HEAD = const(41)

SOCK_STREAM = net.SOCK_STREAM
PROTOCOL_TLS_CLIENT = CERT_NONE = 0

_here = sys.modules[__name__]
_way = []  # type: list  # what look_up() returns
_asked = False  # the head of an answer was wanted


def look_up(link):
    """The way to the host of `link` (str, without path and query) -> what http_open.py goes by:
    arguments of the socket, address, and the host's name for TLS, None without.

    Raises AlinkError, and whatever a look-up does.
    """
    global _asked, _way
    _asked = False
    _way = [None, None, None]
    _here.getaddrinfo = net.getaddrinfo
    requests = real = None
    real_tls = sys.modules.get("tls")
    try:
        firmware = parts.use("firmware")
        requests = firmware.find("requests")
        firmware.__dict__.clear()  # what finds is not needed beside what it has found
        firmware = None
        real = requests.socket
        requests.socket = sys.modules["tls"] = _here
        requests.get(link, parse_headers=False)
        if not _asked:
            raise AlinkError(_E_HTTP_HEAD, "requests read no head")
        if link[4] == "s" and _way[2] is None:
            # Only a requests that has found a way around the stand-in for tls gets here.
            raise AlinkError(_E_TLS, "not encrypted, nothing sent")
        return _way
    finally:
        if requests is not None:
            requests.socket = real
            requests = None
        if real_tls is None:
            sys.modules.pop("tls", None)
        else:
            sys.modules["tls"] = real_tls
        parts.drop("firmware")


# What requests calls, in this order: socket(), connect(), with TLS SSLContext() and wrap_socket(),
# write() some times, readline(), perhaps close(). One function for all but one: each takes memory.
# It asks for CERT_NONE; whatever it asks for, the context verifies.


def socket(*args, **host):
    if host:
        _way[2] = host["server_hostname"]
    elif _way[0] is None:
        _way[0] = args
    elif _way[1] is None:
        (_way[1],) = args
    return _here


close = connect = SSLContext = wrap_socket = write = socket


def readline():
    # requests is told that all is well, and has no part in what comes.
    global _asked
    if _asked:
        return b"\r\n"
    _asked = True
    return b"HTTP/1.0 200\r\n"
