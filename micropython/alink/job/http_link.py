# The link of a download: is it one, and the request for a part of what it leads to. MIT licence.

from micropython import const

from .. import log, parts
from ..errors import AlinkError

_E_JOB_FIELD = const(21)
_E_JOB_PROTOCOL = const(22)
_E_INSECURE = const(28)

_BLOCK = const(4096)
_REST = (
    b"\r\nUser-Agent: alink/1\r\nAccept-Encoding: identity\r\nConnection: close\r\n"
    b"Range: bytes=%d-\r\n\r\n"
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
    a link that is not to be used: INSECURE, JOB_PROTOCOL, JOB_FIELD.
    """
    for name in source.config:
        if name not in _CONFIG:
            raise TypeError("HttpSource: there is no %s" % name)
    if url.endswith("?"):
        url = _whole(url, source.block)
    where = parts.ask("job.shown", "shown", url)
    start = url.find("://") + 3
    scheme = url[:start].lower()
    if scheme not in ("https://", "http://"):
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
    slash = url.find("/", start)
    if not 0 <= slash < end:
        slash = end
    host = url[start:slash]
    name, colon, port = host.partition(":")
    if (
        not name
        or "@" in host
        or "?" in host
        or (colon and not (port.isdigit() and 0 < int(port) <= 65535))
    ):
        raise AlinkError(_E_JOB_FIELD, "no host, or no such port, in " + where)
    if scheme == "http://" and not source.config.get("allow_http"):
        raise AlinkError(_E_INSECURE, where)
    log.info("download from byte", offset, where)
    n = 0
    for part in (
        b"GET " if slash < end else b"GET /",
        view[slash:end],
        b" HTTP/1.0\r\nHost: ",
        view[start:slash],
        _REST % offset,
    ):
        at = n
        n += len(part)
        if n > _BLOCK:
            raise AlinkError(_E_JOB_FIELD, "too long: " + where)
        source.block[at:n] = part
    return n, scheme + host + "/", where


def _whole(url, block):
    # What states.begun() has put aside. Without it the server will say that the link has expired.
    if parts.journal is None:
        return url
    try:
        n = parts.journal.get_blob("link", block)
        whole = str(memoryview(block)[:n], "utf-8")
    except (OSError, ValueError):
        return url
    return whole if whole.startswith(url) else url
