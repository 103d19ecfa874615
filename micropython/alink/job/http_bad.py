# What is wrong with the head of a download's answer, in words. MIT licence.

from micropython import const

from .. import parts
from ..errors import AlinkError

_E_HTTP_STATUS = const(40)
_E_HTTP_HEAD = const(41)
_E_HTTP_LENGTH = const(42)
_E_HTTP_REDIRECT = const(43)
_E_HTTP_CHUNKED = const(44)
_E_EXPIRED = const(45)

_TEXT_MAX = const(40)  # characters of a server's own words in an error
_PLACE_MAX = const(120)  # and of where it redirects to

# As in http_head.py and http_answer.py: constants of the compiler, which take no RAM.
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

# Of those that are a bad head, whatever stands in it.
_HEADS = {
    _TOO_LONG: "head too long",
    # It could hide a header from us that a proxy on the way has seen.
    _FOLDED: "a folded header line",
    _NO_HEADER: "not a header: ",
    _LENGTH: "Content-Length ",
    _TWO_RANGES: "two different Content-Range",
    _PAGE: "no Content-Length, a web page",
}


def error(what, value=None, a=0, b=0):
    """-> AlinkError. what: int, as told there; value: bytes out of the head, a, b: int."""
    code = _E_HTTP_HEAD
    if what in _HEADS:
        said = _HEADS[what]
        if value is not None:
            said += _quoted(value)
    elif what == _ENCODING:
        code = _E_HTTP_CHUNKED
        said = "Transfer-Encoding " + _quoted(value)
    elif what == _PLACE:
        code = _E_HTTP_REDIRECT
        place = "nowhere"
        if value is not None:
            place = parts.ask("job.shown", "shown", _text(value))[:_PLACE_MAX]
        said = "HTTP %d to %s" % (a, place)
    elif what == _MISSING:
        code = _E_HTTP_LENGTH
        said = "%d bytes, not %d%s" % (a, b, ", a web page" if value else "")
    elif what == _STATUS:
        if a < 100:
            said = "not HTTP: " + _quoted(value)
        else:
            code = _E_EXPIRED if a in (403, 410) else _E_HTTP_STATUS
            said = "HTTP %d" % a
    elif value is None:
        said = "206 without Content-Range"
    else:
        # Of another file, or another part of it.
        total = value[value.rfind(b"/") + 1 :].strip()
        if total.isdigit() and len(total) < 10 and int(total) != b:
            code = _E_HTTP_LENGTH
        said = "Content-Range %s, not from %d or not of %d" % (_quoted(value), a, b)
    return AlinkError(code, said)


def _text(line):
    # bytes -> str, whatever they are: what is not printable ASCII becomes a question mark
    return "".join([chr(c) if 32 <= c < 127 else "?" for c in line])


def _quoted(line):
    # The start of a server's own words, safe for one line on a console. Cut at a question mark or
    # an equals sign: a server may echo the link, whose query is secret.
    return repr(_text(line[:_TEXT_MAX]).split("?", 1)[0].split("=", 1)[0])
