# The head of a download's answer: is it the answer to our request? MIT licence.
#
# Read byte by byte, so that the stream stands exactly in front of the body, and judged where it
# lies: a line of no interest makes no object. Header names are compared in any case and white
# space is tolerated, since proxies rewrite both; a number that is not plainly a number is refused.

from micropython import const

from .. import parts
from ..errors import AlinkError

_E_LINK = const(5)

_LINE_MAX = const(1024)  # bytes of one header line
_HEAD_MAX = const(8192)  # bytes of the whole head
_SIZE_DIGITS = const(10)  # 2**30 has ten; more digits are no size of anything that fits a slot
_SIZE_MAX = const(1073741823)  # larger integers live on the ESP32's heap

_REDIRECTS = (300, 301, 302, 303, 307, 308)
# First letter (times 256) and length of the names that matter: content-length, content-range,
# content-type, transfer-encoding, location.
_NAMES = (25358, 25357, 25356, 29713, 27656)

# What may be wrong with it, for http_bad.py.
_TOO_LONG = const(0)
_FOLDED = const(1)
_NO_HEADER = const(2)
_LENGTH = const(3)
_TWO_RANGES = const(4)
_ENCODING = const(5)
_PLACE = const(6)
_MISSING = const(7)
_PAGE = const(8)
_STATUS = const(9)
_RANGE = const(10)


def read(source, url, offset, size):
    """Read the head off the Wire in source.stream, up to where the body begins.

    url: str. offset, size: int, what was asked for: bytes `offset`.. of a file of `size` bytes.
    Returns where the body starts in the file (int), with what it is read from in source.stream.
    Raises AlinkError as soon as the answer is known to be of no use: EXPIRED for 403 and 410 (what
    a signed link answers when it is over), HTTP_STATUS, HTTP_REDIRECT, HTTP_CHUNKED, HTTP_LENGTH
    when the length told is not what is missing of the file, HTTP_HEAD; LINK when it ends early,
    TIMEOUT. Nothing is left open then. A length that is not told is no fault: the job knows it.
    """
    wire = source.stream
    try:
        wire.allow(source.config.get("head_timeout_ms", 10000))
        start = _read(wire, source.block, offset, size)
        source.stream = wire.sock
        return start
    except Exception as e:
        e = parts.ask("faults", "named", e, "waiting for the answer")
        where = parts.ask("job.http_link", "shown", url)
        raise AlinkError(e.code, "%s (%s)" % (e.detail, where))
    finally:
        if source.stream is wire:
            source.close()


def _read(wire, block, offset, size):
    # Line by line, each in its turn at the start of `block` -> where the body starts
    view = memoryview(block)
    one = bytearray(1)
    left = _HEAD_MAX
    status = 0
    length = -1
    span = None
    page = False
    while True:
        n = 0
        colon = -1
        while True:
            count = wire.sock.readinto(one, 1)
            if count is None:
                wire.wait()
                continue
            if not count:
                raise AlinkError(_E_LINK, "closed in the head")
            if n == _LINE_MAX or not left:
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
        while n and block[n - 1] == 13:
            n -= 1
        if not status:
            status = _status(bytes(view[:n]))
            continue
        if not n:
            break
        if block[0] in b" \t":
            # A folded line could hide a header from us that a proxy on the way has seen.
            _bad(_FOLDED)
        if colon < 1:
            _bad(_NO_HEADER, bytes(view[:n]))
        end = colon
        while end and block[end - 1] <= 32:
            end -= 1
        if block[0] << 8 | end not in _NAMES:
            continue
        name = bytes(view[:end])
        value = bytes(view[colon + 1 : n]).strip()
        if name == b"content-length":
            found = _number(value)
            if found < 0 or (length >= 0 and length != found):
                _bad(_LENGTH, value)
            length = found
        elif name == b"content-range":
            if span is not None and span != value:
                _bad(_TWO_RANGES)
            span = value
        elif name == b"content-type":
            # What a proxy, or a network that wants somebody to sign in, has to say.
            page = value.lower().startswith(b"text/html")
        elif name == b"transfer-encoding" and value.lower() != b"identity":
            _bad(_ENCODING, value)
        elif name == b"location" and status in _REDIRECTS:
            _bad(_PLACE, value, status)
    if status in _REDIRECTS:
        _bad(_PLACE, None, status)
    # A 200 is the whole file, whatever was asked for: the body then starts at 0.
    start = 0
    if status == 206:
        # bytes FIRST-LAST/TOTAL; TOTAL may be * (RFC 9110, 14.4), which tells too little.
        if span is None or (
            span.lower().replace(b" ", b"") != b"bytes%d-%d/%d" % (offset, size - 1, size)
        ):
            _bad(_RANGE, span, offset, size)
        start = offset
    if length >= 0 and length != size - start:
        _bad(_MISSING, page, length, size - start)
    if length < 0 and page:
        _bad(_PAGE)
    return start


def _status(line):
    fields = line.split(None, 2)
    status = -1
    if len(fields) > 1 and fields[0].startswith(b"HTTP/1.") and len(fields[1]) == 3:
        status = _number(fields[1])
    if status not in (200, 206) and status not in _REDIRECTS:
        _bad(_STATUS, line, status)
    return status


def _number(digits):
    # bytes of decimal digits -> int below 2**30, else -1
    if not digits.isdigit() or len(digits) > _SIZE_DIGITS or int(digits) > _SIZE_MAX:
        return -1
    return int(digits)


def _bad(*args):
    raise parts.ask("job.http_bad", "error", *args)
