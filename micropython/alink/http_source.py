# A download over HTTPS with Range, in bounded steps, on requests. MIT licence.
#
# open() asks for the file from an offset on; readinto() then hands on whole chunks, without
# blocking and without allocating. RAM: one ring of `chunk_size` bytes, made once; while open()
# runs also the link, 1 KiB for a line and, outside the Python heap, TLS.

import gc
import time

from . import errors, http_wire, log, tls
from .errors import AlinkError
from .http_head import Head
from .reader import EOF, Reader

_BROKEN = (OSError, ValueError)  # TLS raises either


class HttpSource:
    """One file from one server; made once, opened as often as the download is resumed.

    chunk_size: int, the most bytes readinto() is asked for at once. ca: own CA certificates or
    None (see tls.context). allow_http: bool, take http:// links too. reader: a Reader of
    chunk_size to use, or None for one of its own. on_feed: called while open() waits for TLS and
    for the answer, or None. The three time-outs are in milliseconds, see open() and readinto().
    """

    def __init__(
        self,
        chunk_size=4096,
        *,
        ca=None,
        allow_http=False,
        reader=None,
        on_feed=None,
        connect_timeout_ms=10000,
        head_timeout_ms=10000,
        stall_timeout_ms=20000,
    ):
        self._on_feed = on_feed
        self._ca = ca
        self._allow_http = allow_http
        self._connect_ms = connect_timeout_ms
        self._head_ms = head_timeout_ms
        self._stall_ms = stall_timeout_ms
        self._reader = reader or Reader(chunk_size)
        self._wire = None
        self._where = ""
        self._left = 0
        self._have = 0
        self._since = 0

    def open(self, url, offset, size):
        """Ask for `url` (str) from byte `offset` on; the whole file has `size` bytes.

        Returns where the body really starts (int): offset, or 0 when the server sends the whole
        file to a request for a part. One bounded step: connect_timeout_ms for connection and TLS
        handshake, head_timeout_ms for request and head; on top comes the look-up of the host,
        which has no time-out on an ESP32, and one step of the handshake (a second on a slow
        chip). Uses requests with `socket` and `tls` exchanged meanwhile, so no other thread may.

        Raises AlinkError: INSECURE, JOB_PROTOCOL or JOB_FIELD for a link not to be used at all;
        CLOCK, TLS, LINK, TIMEOUT; EXPIRED (403, 410), HTTP_STATUS, HTTP_HEAD, HTTP_LENGTH,
        HTTP_REDIRECT, HTTP_CHUNKED. No error tells more of the link than host and path: the
        rest is a signature. Nothing is left open after an error.
        """
        self.close()
        self._where = log.host_and_path(url)
        url, host, secure = _checked(url, self._where)
        if secure:
            tls.check_clock()
        elif not self._allow_http:
            raise AlinkError(errors.INSECURE, self._where)
        gc.collect()  # TLS wants its memory in large pieces
        head = Head(offset, size, self._where)
        wire = http_wire.Wire(
            head, secure, self._ca, self._connect_ms, self._head_ms, self._on_feed
        )
        try:
            http_wire.get(wire, url, _headers(host, offset))
            if not head.complete:
                raise AlinkError(errors.HTTP_HEAD, "requests read no head (%s)" % self._where)
            self._wire = wire
        except Exception as exc:
            raise wire.failure(exc)
        finally:
            if self._wire is None:  # also when something else than an Exception flies past
                wire.close()
        wire.forget_head()
        self._reader.attach(wire.sock)
        self._left = size - head.start
        self._have = 0
        self._since = time.ticks_ms()
        return head.start

    def readinto(self, chunk, n):
        """Fill chunk[:n] with the next `n` bytes of the body; never blocks, never allocates.

        chunk: bytearray or memoryview, undefined until complete. n: int, at most chunk_size and
        at most what is left of the body; the same in each call until the chunk is complete.
        Returns n when it is, 0 when more has to arrive. Raises AlinkError(LINK) when the
        connection ends before `size` bytes, AlinkError(TIMEOUT) when no byte has come for
        stall_timeout_ms; the source is closed then.
        """
        if n > self._left or self._wire is None:
            self._refuse(n)
        reader = self._reader
        try:
            count = reader.readinto(chunk, n)
        except _BROKEN as exc:
            self._break(errors.LINK, "connection broken: " + http_wire.brief(exc))
        if count == n:
            self._left -= n
            self._have = 0
            self._since = time.ticks_ms()
            return n
        if count == EOF:
            self._break(errors.LINK, "closed %d bytes early" % (self._left - reader.any()))
        have = reader.any()
        now = time.ticks_ms()
        if have != self._have:
            self._have = have
            self._since = now
        elif time.ticks_diff(now, self._since) > self._stall_ms:
            self._break(errors.TIMEOUT, "no data for %d ms" % self._stall_ms)
        return 0

    def close(self):
        """Close the connection; again is harmless."""
        wire = self._wire
        self._wire = None
        if wire is not None:
            wire.close()

    def _refuse(self, n):
        if self._wire is None:
            raise AlinkError(errors.LINK, "the download is not open")
        raise ValueError("%d bytes asked, %d left of the body" % (n, self._left))

    def _break(self, code, said):
        self.close()
        raise AlinkError(code, "%s (%s)" % (said, self._where))


def _headers(host, offset):
    return {
        "Host": host,
        "User-Agent": "alink/1",
        "Accept-Encoding": "identity",
        "Range": "bytes=%d-" % offset,
        "Connection": "close",
    }


def _checked(url, where):
    """Take a link apart: (link that requests understands, value for Host, is it https)."""
    # A link is long, and each piece of it a copy: only what is needed is cut out.
    at = url.find("://")
    scheme = url[: at if at > 0 else 0].lower()
    if scheme not in ("https", "http"):
        raise AlinkError(errors.JOB_PROTOCOL, where)
    # A line end in the link would let it write headers of its own into the request. (Bytes: each
    # character of a str would be a new object.)
    for byte in url.encode():
        if not 33 <= byte <= 126:
            raise AlinkError(errors.JOB_FIELD, "a blank or a control character in %s" % where)
    end = url.find("#")
    if end >= 0:
        url = url[:end]
    start = at + 3
    slash = url.find("/", start)
    host = url[start : slash if slash >= 0 else len(url)]
    name, colon, port = host.partition(":")
    if not name or "@" in host or "?" in host:
        raise AlinkError(errors.JOB_FIELD, "no host in %s" % where)
    if colon and not (port.isdigit() and 0 < int(port) <= 65535):
        raise AlinkError(errors.JOB_FIELD, "no such port: %s" % where)
    if slash < 0:
        url += "/"
    if not url.startswith(scheme):
        url = scheme + url[at:]
    return url, host, scheme == "https"
