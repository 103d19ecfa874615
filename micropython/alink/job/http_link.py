# The link of a download: is it one, and the request for a part of what it leads to. MIT licence.

from micropython import const

from .. import clock, log
from ..errors import AlinkError

_E_JOB_FIELD = const(21)
_E_JOB_PROTOCOL = const(22)
_E_INSECURE = const(28)

_BLOCK = const(4096)
_REQUEST = (
    " HTTP/1.0\r\nHost: %s\r\nUser-Agent: alink/1\r\nAccept-Encoding: identity\r\n"
    "Range: bytes=%d-\r\nConnection: close\r\n\r\n"
)
_CONFIG = (
    "ca",
    "allow_http",
    "on_feed",
    "connect_timeout_ms",
    "head_timeout_ms",
    "stall_timeout_ms",
)


def request(source, url, offset):
    """Write the request for `url` (str) from byte `offset` on into source.block.

    Returns (its length, a link without path and query, what may be shown). Raises AlinkError for
    a link that is not to be used: INSECURE, JOB_PROTOCOL, JOB_FIELD; CLOCK.
    """
    for name in source.config:
        if name not in _CONFIG:
            raise TypeError("HttpSource: there is no %s" % name)
    where = shown(url)
    at = url.find("://")
    scheme = url[: at if at > 0 else 0].lower()
    if scheme not in ("https", "http"):
        raise AlinkError(_E_JOB_PROTOCOL, where)
    # A line end in the link would let it write headers of its own into the request. (Bytes: each
    # character of a str would be a new object.)
    view = memoryview(url)
    for byte in view:
        if not 33 <= byte <= 126:
            raise AlinkError(_E_JOB_FIELD, "a blank or a control character in " + where)
    end = url.find("#")
    if end < 0:
        end = len(url)
    slash = url.find("/", at + 3)
    if not 0 <= slash < end:
        slash = end
    host = url[at + 3 : slash]
    name, colon, port = host.partition(":")
    if (
        not name
        or "@" in host
        or "?" in host
        or (colon and not (port.isdigit() and 0 < int(port) <= 65535))
    ):
        raise AlinkError(_E_JOB_FIELD, "no host, or no such port, in " + where)
    if scheme == "https":
        clock.check()
    elif not source.config.get("allow_http"):
        raise AlinkError(_E_INSECURE, where)
    log.info("download from byte %d: %s" % (offset, where))
    n = 0
    for part in ("GET " if slash < end else "GET /", view[slash:end], _REQUEST % (host, offset)):
        start = n
        n += len(part)
        if n > _BLOCK:
            raise AlinkError(_E_JOB_FIELD, "too long: " + where)
        source.block[start:n] = memoryview(part)
    return n, "%s://%s/" % (scheme, host), where


def shown(url):
    """`url` (str) without its query and user part: what of a signed link may be shown."""
    for mark in "?#":
        at = url.find(mark)
        if at >= 0:
            url = url[:at]
    scheme, found, rest = url.partition("://")
    if not found:
        return url
    host, slash, path = rest.partition("/")
    return scheme + "://" + host.split("@")[-1] + slash + path
