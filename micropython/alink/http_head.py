# The head of a download's answer: what it says, and whether it is the answer to our request.
# MIT licence.
#
# Knows nothing of sockets: lines in, one verdict out. Header names are compared in any case and
# white space is tolerated, since proxies rewrite both; a number that is not plainly a number is
# refused.

from micropython import const

from . import errors, log
from .errors import AlinkError

_SIZE_DIGITS = const(10)  # 2**30 has ten; more digits are no size of anything that fits a slot
_SIZE_MAX = const((1 << 30) - 1)  # larger integers live on the ESP32's heap
_TEXT_MAX = const(40)  # characters of a server's own words in an error
_PLACE_MAX = const(120)  # and of where it redirects to
_REDIRECTS = (300, 301, 302, 303, 307, 308)


class Head:
    """The status line and the header lines of one answer to a ranged GET.

    offset, size: int, what was asked for: bytes `offset`.. of a file of `size` bytes.
    where: str, host and path of the link, for errors. Attributes: status (int, 0 before the
    status line), complete (bool), start (int, where the body starts in the file, once complete).
    """

    def __init__(self, offset, size, where):
        self.status = 0
        self.complete = False
        self.start = 0
        self.where = where
        self._offset = offset
        self._size = size
        self._length = -1
        self._range = None

    def line(self, line):
        """Take one line (bytes, with its line end); an empty one ends the head.

        Returns True when that was the end and the body follows, else False. Raises
        AlinkError as soon as the answer is known to be of no use: EXPIRED for 403 and 410 (what
        a signed link answers when it is over), HTTP_STATUS, HTTP_REDIRECT, HTTP_CHUNKED,
        HTTP_LENGTH when the length told is not what is missing of the file, HTTP_HEAD.
        """
        line = line.rstrip(b"\r\n")
        if not self.status:
            self._status(line)
            return False
        if not line:
            self._end()
            self.complete = True
            return True
        if line[0] in b" \t":
            # A folded line could hide a header from us that a proxy on the way has seen.
            raise self._error(errors.HTTP_HEAD, "a folded header line")
        colon = line.find(b":")
        if colon < 1:
            raise self._error(errors.HTTP_HEAD, "not a header: " + _shown(line))
        name = line[:colon].strip().lower()
        value = line[colon + 1 :].strip()
        if name == b"content-length":
            length = _number(value)
            if length < 0 or (self._length >= 0 and length != self._length):
                raise self._error(errors.HTTP_LENGTH, "Content-Length " + _shown(value))
            self._length = length
        elif name == b"content-range":
            if self._range is not None and self._range != value:
                raise self._error(errors.HTTP_HEAD, "two different Content-Range")
            self._range = value
        elif name == b"transfer-encoding":
            if value.lower() != b"identity":
                raise self._error(errors.HTTP_CHUNKED, "Transfer-Encoding " + _shown(value))
        elif name == b"location" and self.status in _REDIRECTS:
            raise self._redirect("to " + log.host_and_path(_text(value))[:_PLACE_MAX])
        return False

    def _status(self, line):
        fields = line.split(None, 2)
        if len(fields) < 2 or not fields[0].startswith(b"HTTP/1.") or len(fields[1]) != 3:
            raise self._error(errors.HTTP_HEAD, "not HTTP: " + _shown(line))
        status = _number(fields[1])
        if status < 100:
            raise self._error(errors.HTTP_HEAD, "not HTTP: " + _shown(line))
        self.status = status
        if status in (403, 410):
            raise self._error(errors.EXPIRED, "HTTP %d" % status)
        if status not in (200, 206) and status not in _REDIRECTS:
            raise self._error(errors.HTTP_STATUS, "HTTP %d" % status)

    def _end(self):
        if self.status in _REDIRECTS:
            raise self._redirect("to nowhere")
        if self._length < 0:
            raise self._error(errors.HTTP_LENGTH, "no Content-Length")
        if self.status == 206:
            self._check_range()
            self.start = self._offset
        # A 200 is the whole file, whatever was asked for: the body then starts at 0.
        due = self._size - self.start
        if self._length != due:
            raise self._error(errors.HTTP_LENGTH, "%d bytes, not %d" % (self._length, due))

    def _check_range(self):
        # bytes FIRST-LAST/TOTAL; TOTAL may be * (RFC 9110, 14.4), which tells too little.
        if self._range is None:
            raise self._error(errors.HTTP_HEAD, "206 without Content-Range")
        said = "Content-Range " + _shown(self._range)
        unit, _, rest = self._range.partition(b" ")
        span, _, total = rest.strip().partition(b"/")
        first, _, last = span.partition(b"-")
        total = _number(total.strip())
        if unit.lower() != b"bytes" or total < 0:
            raise self._error(errors.HTTP_HEAD, said)
        if total != self._size:
            raise self._error(errors.HTTP_LENGTH, "%s, not of %d" % (said, self._size))
        if _number(first.strip()) != self._offset or _number(last.strip()) != self._size - 1:
            raise self._error(errors.HTTP_HEAD, "%s, not from %d" % (said, self._offset))

    def _redirect(self, to):
        return self._error(errors.HTTP_REDIRECT, "HTTP %d %s" % (self.status, to))

    def _error(self, code, said):
        return AlinkError(code, "%s (%s)" % (said, self.where))


def _number(digits):
    """bytes of decimal digits -> int below 2**30, else -1."""
    if not digits or len(digits) > _SIZE_DIGITS or not digits.isdigit():
        return -1
    number = int(digits)
    return number if number <= _SIZE_MAX else -1


def _text(line):
    """bytes -> str, whatever they are: what is not printable ASCII becomes a question mark."""
    return "".join(chr(c) if 32 <= c < 127 else "?" for c in line)


def _shown(line):
    """The start of a server's own words, safe for one line on a console.

    Cut at a question mark or an equals sign: a server may echo the link, whose query is secret.
    """
    return repr(_text(line[:_TEXT_MAX]).split("?", 1)[0].split("=", 1)[0])
