# Is it the answer to our request? What the head of a download's answer says, judged. MIT licence.
#
# A number that is not plainly a number is refused.

from micropython import const

_SIZE_DIGITS = const(10)  # 2**30 has ten; more digits are no size of anything that fits a slot
_SIZE_MAX = const(1073741823)  # larger integers live on the ESP32's heap

# What may be wrong with it, for http_bad.py.
_LENGTH = const(3)
_TWO_RANGES = const(4)
_ENCODING = const(5)
_PLACE = const(6)
_MISSING = const(7)
_PAGE = const(8)
_RANGE = const(10)


def judge(source, head, offset, size):
    """Where the body starts in the file (int), with what it is read from in source.stream.

    head: what http_head.py has returned, with the lines in source.block. offset, size: int, what
    was asked for: bytes `offset`.. of a file of `size` bytes. Raises EOFError for what http_bad.py
    has words for: HTTP_REDIRECT, HTTP_CHUNKED, HTTP_HEAD, HTTP_LENGTH when the length told is not
    what is missing of the file. A length that is not told is no fault: the job knows it.
    """
    start = _start(source.block, head, offset, size)
    source.stream = source.stream.sock
    return start


def _start(block, head, offset, size):
    status, end = head
    length = -1
    span = None
    page = False
    at = 0
    while at < end:
        n = block.find(b"\n", at)
        # (http_head.py has put the name in small letters, and knows its length.)
        line = bytes(memoryview(block)[at:n])
        at = n + 1
        value = line[line.find(b":") + 1 :].strip()
        if line.startswith(b"content-length"):
            found = _number(value)
            if found < 0 or (length >= 0 and length != found):
                _bad(_LENGTH, value)
            length = found
        elif line.startswith(b"content-range"):
            if span is not None and span != value:
                _bad(_TWO_RANGES)
            span = value
        elif line.startswith(b"content-type"):
            # What a proxy, or a network that wants somebody to sign in, has to say.
            page = value.lower().startswith(b"text/html")
        elif line.startswith(b"transfer-encoding") and value.lower() != b"identity":
            _bad(_ENCODING, value)
        elif line.startswith(b"location") and status >= 300:
            _bad(_PLACE, value, status)
    if status >= 300:
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


def _number(digits):
    # bytes of decimal digits -> int below 2**30, else -1
    if not digits.isdigit() or len(digits) > _SIZE_DIGITS or int(digits) > _SIZE_MAX:
        return -1
    return int(digits)


def _bad(*args):
    raise EOFError(*args)
