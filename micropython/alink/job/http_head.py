# The head of a download's answer, read up to where the body begins. MIT licence.
#
# Read byte by byte, so that the stream stands exactly in front of the body. A line of no interest
# makes no object; what matters is left in the block, for http_answer.py, which judges it. Header
# names are compared in any case and white space is tolerated, since proxies rewrite both.

from micropython import const

from ..errors import AlinkError

_E_LINK = const(5)

_LINE_MAX = const(1024)  # bytes of one header line
_HEAD_MAX = const(8192)  # bytes of the whole head

# What there is a use for: 200, 206, and redirects for their place.
_STATUSES = (200, 206, 300, 301, 302, 303, 307, 308)
# First letter (times 256) and length of the names that matter: content-length, content-range,
# content-type, transfer-encoding, location.
_NAMES = (25358, 25357, 25356, 29713, 27656)

# What may be wrong with it, for http_bad.py.
_TOO_LONG = const(0)
_FOLDED = const(1)
_NO_HEADER = const(2)
_STATUS = const(9)


def read(source):
    """Read the head off the Wire in source.stream -> what http_answer.py goes by: the status
    (int), and how many bytes of source.block are lines that matter, each with a line feed.

    Raises EOFError for what http_bad.py has words for: EXPIRED for 403 and 410 (what a signed link
    answers when it is over), HTTP_STATUS, HTTP_HEAD; AlinkError LINK when it ends early, and what
    sockets do.
    """
    line = source.stream
    line.allow(source.config.get("head_timeout_ms", 10000))
    return _read(line, source.block)


def _read(line, block):
    # Line by line, each behind those that were kept.
    view = memoryview(block)
    one = bytearray(1)
    left = _HEAD_MAX
    status = at = 0
    last = len(block) - 1
    while True:
        n = at
        colon = -1
        while True:
            count = line.sock.readinto(one, 1)
            if count is None:
                line.wait()
                continue
            if not count:
                raise AlinkError(_E_LINK, "closed in the head")
            if n - at == _LINE_MAX or n == last or not left:
                _bad(_TOO_LONG)
            left -= 1
            byte = one[0]
            if byte == 10:
                break
            if colon < 0 and status:
                if byte == 58:
                    colon = n
                elif 65 <= byte <= 90:
                    byte += 32
            block[n] = byte
            n += 1
        while n > at and block[n - 1] == 13:
            n -= 1
        if not status:
            status = _status(bytes(view[:n]))
            continue
        if n == at:
            return status, at
        if block[at] in b" \t":
            # A folded line could hide a header from us that a proxy on the way has seen.
            _bad(_FOLDED)
        if colon <= at:
            _bad(_NO_HEADER, bytes(view[at:n]))
        while colon > at and block[colon - 1] <= 32:
            colon -= 1
        if block[at] << 8 | colon - at in _NAMES:
            block[n] = 10
            at = n + 1


def _status(line):
    fields = line.split(None, 2)
    status = -1
    if len(fields) > 1 and fields[0].startswith(b"HTTP/1.") and len(fields[1]) == 3:
        status = int(fields[1]) if fields[1].isdigit() else -1
    if status not in _STATUSES:
        _bad(_STATUS, line, status)
    return status


def _bad(*args):
    raise EOFError(*args)
