# What `requests` gets instead of a socket: verified TLS, deadlines, and a bounded head.
# MIT licence.
#
# requests (frozen into ESP32 firmware as 0.10.2) has no way to pass a TLS context and verifies
# nothing, and its socket's readline() takes any line at any pace. So for the length of one call
# it is given stand-ins for the two modules it uses, `socket` and `tls`; both lead to one Wire.
# Once connected, the socket never blocks: every wait is in Wire._wait, which knows the deadline.
# RAM: the request and 1 KiB for a line, only while a download is being opened.

import errno
import socket
import sys
import time

import requests
from micropython import const

from . import errors, log, tls
from .errors import AlinkError

_LINE_MAX = const(1024)  # bytes of one header line
_HEAD_MAX = const(8192)  # bytes of the whole head
_POLL_MS = const(2)

_LOOKUP = "looking up the host"
_CONNECTING = "connecting"
_HANDSHAKE = "TLS handshake"
_ASKING = "waiting for the answer"

_TLS_EOF = const(-0x7280)  # MBEDTLS_ERR_SSL_CONN_EOF: the peer closed, which is no verdict on it
# What connect() raises when its time is up, by port and version.
_LATE = (errno.ETIMEDOUT, errno.EINPROGRESS, errno.EAGAIN)

# `requests.socket` and sys.modules are shared by the whole program: no second request meanwhile.


def get(wire, url, headers):
    """GET `url` (str) through `wire` with requests; its head then is in the wire's Head.

    headers: dict of str. Raises what requests and the wire raise. Both stand-ins are gone again
    afterwards, whatever happened.
    """
    real_socket = requests.socket
    real_tls = sys.modules.get("tls")
    requests.socket = _Sockets(wire)
    sys.modules["tls"] = _Tls(wire)
    try:
        # The wire has judged every line before requests sees it; requests need not keep any.
        requests.get(url, headers=headers, parse_headers=_keep_nothing)
    finally:
        requests.socket = real_socket
        if real_tls is None:
            del sys.modules["tls"]
        else:
            sys.modules["tls"] = real_tls


def _keep_nothing(line, headers):
    pass


class _Sockets:
    """Stands in for the module `socket`."""

    SOCK_STREAM = socket.SOCK_STREAM

    def __init__(self, wire):
        self._wire = wire

    def getaddrinfo(self, *args):
        return socket.getaddrinfo(*args)

    def socket(self, *args):
        self._wire.raw = socket.socket(*args)
        return self._wire


class _Tls:
    """Stands in for the module `tls` and for the context made with it.

    requests asks for CERT_NONE; whatever it asks for, the context verifies.
    """

    PROTOCOL_TLS_CLIENT = CERT_NONE = 0

    def __init__(self, wire):
        self._wire = wire
        self.verify_mode = None

    def SSLContext(self, protocol):
        return self

    def wrap_socket(self, sock, server_hostname):
        self._wire.encrypt(server_hostname)
        return self._wire


class Wire:
    """One connection with deadlines; the part of a socket's face that requests uses.

    head: Head, which takes the answer's lines. secure: bool, refuse to send unless encrypted.
    ca: own CA certificates or None (see tls.context). feed: called while it waits, but for the TCP
    connection, or None. connect_ms bounds the TCP connection and
    the TLS handshake together, head_ms the request and the whole head together. getaddrinfo has
    no time-out on an ESP32: what the look-up takes comes on top.

    Attributes: raw (the TCP socket or None), sock (what to read from: the TLS socket or raw;
    non-blocking).
    """

    def __init__(self, head, secure, ca, connect_ms, head_ms, feed=None):
        self.raw = None
        self._feed = feed
        self.sock = None
        self._head = head
        self._secure = secure
        self._encrypted = False
        self._ca = ca
        self._connect_ms = connect_ms
        self._head_ms = head_ms
        self._doing = _LOOKUP
        self._deadline = 0
        self._request = bytearray()
        self._line = bytearray(_LINE_MAX)
        self._byte = bytearray(1)
        self._left = _HEAD_MAX

    def connect(self, address):
        self._doing = _CONNECTING
        self._deadline = time.ticks_add(time.ticks_ms(), self._connect_ms)
        self.raw.settimeout(self._connect_ms / 1000)
        self.raw.connect(address)
        self.raw.setblocking(False)
        self.sock = self.raw

    def encrypt(self, host):
        """Put TLS on the connection, verified against `host`; the first write shakes hands."""
        self._doing = _HANDSHAKE
        # A blocking handshake would start its time-out anew with every byte that dribbles in.
        self.sock = tls.context(self._ca).wrap_socket(
            self.raw, server_hostname=host, do_handshake_on_connect=False
        )
        self._encrypted = True

    def write(self, data):
        # Kept until the head is wanted: requests writes word by word, and each word would be a
        # TLS record of its own, held back by Nagle's algorithm until the last is acknowledged.
        self._request.extend(data)
        return len(data)

    def readline(self):
        """The next line of the head (bytes), once the Head has found nothing wrong with it."""
        if self._request:
            self._send()
        one = self._byte
        line = self._line
        n = 0
        while True:
            count = self.sock.readinto(one, 1)
            if count is None:
                self._wait()
                continue
            if not count:
                raise AlinkError(errors.LINK, "closed in the head (%s)" % self._head.where)
            if n == _LINE_MAX or not self._left:
                raise AlinkError(errors.HTTP_HEAD, "head too long (%s)" % self._head.where)
            line[n] = one[0]
            n += 1
            self._left -= 1
            if one[0] == 10:
                break
        text = bytes(memoryview(line)[:n])
        return b"\r\n" if self._head.line(text) else text

    def close(self):
        """Close whatever is open; again is harmless."""
        # Both: a TLS socket whose handshake failed has let go of the TCP socket below it.
        for sock in (self.sock, self.raw):
            if sock is not None:
                try:
                    sock.close()
                except OSError as exc:
                    log.debug("closing:", brief(exc))  # it is gone, which is what was wanted
        self.sock = self.raw = None

    def forget_head(self):
        """Let go of what only the head needed: over 1 KiB of heap while the body comes."""
        self._line = self._head = None

    def failure(self, exc):
        """Name what went wrong: the AlinkError for any exception of get()."""
        if isinstance(exc, AlinkError):
            return exc
        said = "%s: %s (%s)" % (self._doing, brief(exc), self._head.where)
        shaking = self._doing == _HANDSHAKE
        if isinstance(exc, OSError):
            number = exc.errno if isinstance(exc.errno, int) else 0
            if number in _LATE:
                return AlinkError(errors.TIMEOUT, said)
            if shaking and number < 0 and number != _TLS_EOF:
                return self._tls_failure(exc)
            return AlinkError(errors.LINK, said)
        if isinstance(exc, MemoryError):
            return AlinkError(errors.LINK, said)  # later, more may be free: tried again
        if isinstance(exc, ValueError) and shaking:
            return self._tls_failure(exc)
        return AlinkError(errors.HTTP_HEAD, said)

    def _tls_failure(self, exc):
        named = tls.tls_error(exc)
        return AlinkError(named.code, "%s (%s)" % (named.detail, self._head.where))

    def _send(self):
        if self._secure and not self._encrypted:
            # Only a requests that has found a way around the stand-in for tls gets here.
            raise AlinkError(errors.TLS, "not encrypted, nothing sent (%s)" % self._head.where)
        request = memoryview(self._request)
        done = 0
        while done < len(request):
            count = self.sock.write(request[done:])
            if count is None:
                self._wait()
                continue
            if not done:
                self._doing = _ASKING
                self._deadline = time.ticks_add(time.ticks_ms(), self._head_ms)
            done += count
        self._request = None

    def _wait(self):
        if time.ticks_diff(self._deadline, time.ticks_ms()) <= 0:
            raise AlinkError(errors.TIMEOUT, "%s (%s)" % (self._doing, self._head.where))
        if self._feed is not None:
            self._feed()
        time.sleep_ms(_POLL_MS)


def brief(exc):
    """An exception without its text, unless it is an OSError: requests' may quote the server."""
    if isinstance(exc, OSError):
        return " ".join(str(arg) for arg in exc.args)
    return type(exc).__name__
