# What an exception of the network, of TLS or of the memory really is. MIT licence.
#
# Loaded when something has failed, and let go. mbedTLS, lwIP and Wi-Fi live on the IDF heap, where
# want of memory looks like a bad certificate, a reset or a time-out: it gets its own name here, so
# that what is wrong with a network is not looked for in a network.

import errno

from micropython import const

from . import parts
from .errors import AlinkError

_E_TLS = const(3)
_E_LINK = const(5)
_E_TIMEOUT = const(7)
_E_PROTOCOL = const(8)
_E_HTTP_HEAD = const(41)
_E_NO_MEMORY = const(84)

# How a session has ended, beside a packet that cannot be: see packets.py.
_HALF = const(256)
_CLOSED = const(259)

_TLS_EOF = const(-0x7280)  # MBEDTLS_ERR_SSL_CONN_EOF: the peer closed, which is no verdict on it
_HANDSHAKE = const(6700)  # what a handshake takes beside the session that comes of it
_LOW = const(0x7F)  # an mbedTLS number has the fault of an inner module in these bits
# MBEDTLS_ERR_*_ALLOC_FAILED: SSL, X509, PK, ECP, CIPHER, MD, PEM; then MPI and ASN1 (inner ones).
_ALLOC_FAILED = const((0x7F00, 0x2880, 0x3F80, 0x4D80, 0x6180, 0x5180, 0x1180))
_ALLOC_FAILED_INSIDE = const((0x10, 0x6A))

_SHAKING = const("TLS handshake")  # what a download says it is doing then

# What getaddrinfo raises: EAI_FAIL and EAI_NONAME of lwIP, and three of a Unix host.
_NO_NAME = const((-202, -200, -2, -3, -5))


def named(exc, doing="", where=None):
    """The AlinkError for `exc`; one that is an AlinkError is given back as it is.

    doing: str, what was being done, for the detail of a download's error; what is neither of the
    network nor of a TLS handshake is then the server's own answer (HTTP_HEAD). A positive errno is
    the network's (TIMEOUT or LINK), a negative one is mbedTLS's (TLS), a ValueError is mbedTLS's
    words about a certificate (TLS). where: str, what the detail ends with, or None.
    """
    if where is not None:
        error = named(exc, doing)
        return AlinkError(error.code, "%s (%s)" % (error.detail, where))
    if isinstance(exc, AlinkError):
        return exc
    words = _words(exc)
    said = number = 0
    if isinstance(exc, OSError) and exc.args and isinstance(exc.args[0], int):
        said = number = exc.args[0]
    if said not in _NO_NAME and -256 < said < 0:
        number = -said  # a socket's errno that came through mbedTLS
    shaking = not doing or doing == _SHAKING
    if isinstance(exc, MemoryError) or _no_memory(said, words) or parts.ask("idf", "short"):
        code = _E_NO_MEMORY
        words = words or (_number(said) if said else "no memory left")
        heap = parts.ask("idf", "spare")
        if heap is not None:
            words += "; idf %d free, %d in one piece" % heap
    elif isinstance(exc, UnicodeError):
        code = _E_HTTP_HEAD if doing else _E_PROTOCOL
        words = "text that is not UTF-8"
    elif isinstance(exc, OSError):
        code = _E_LINK
        if number in _NO_NAME:
            words = "the host's name could not be resolved"
        elif number in (errno.ETIMEDOUT, errno.EINPROGRESS, errno.EAGAIN):
            # (What connect() raises when its time is up, by port and version.)
            code = _E_TIMEOUT
            words = "no answer in time"
            little = doing and parts.ask("idf", "tight", _HANDSHAKE if shaking else 0)
            if little:
                code = _E_NO_MEMORY
                words += ", no room for any; " + little
        elif number == _TLS_EOF:
            words = "closed by the other side"
        elif number < 0 or "MBEDTLS" in words:
            if shaking:
                code = _E_TLS
            words = words or _number(said)
        else:
            words = _number(number)
    elif shaking and isinstance(exc, ValueError):
        code = _E_TLS
    else:
        # What others raise may quote the server.
        code = _E_HTTP_HEAD if doing else _E_LINK
        words = type(exc).__name__
    return AlinkError(code, doing + ": " + words if doing else words)


def ended(number):
    """The AlinkError of a session that has ended by itself. number: int, see packets.py."""
    if number < _HALF:
        return AlinkError(_E_PROTOCOL, "malformed MQTT packet 0x%02x" % number)
    if number == _CLOSED:
        return AlinkError(_E_LINK, "closed by the other side")
    return AlinkError(_E_TIMEOUT, ("half a packet", "no PUBACK", "no PINGRESP")[number - _HALF])


def _no_memory(said, words):
    # said: the number as it came. "invalid cert" is what load_verify_locations() says of a
    # certificate for which it has no memory.
    if "ALLOC" in words or words == "invalid cert" or abs(said) == errno.ENOMEM:
        return True
    number = -said
    if 0 < number <= _LOW:
        return number in _ALLOC_FAILED_INSIDE
    if number & ~_LOW in _ALLOC_FAILED:
        return True
    return number > 0 and number & _LOW in _ALLOC_FAILED_INSIDE


def _number(number):
    if number < 0:
        return "mbedTLS -0x%04x" % -number
    return errno.errorcode.get(number, "OSError %d" % number)


def _words(exc):
    # The first line of what an exception says in words; "" for a bare number.
    for arg in exc.args:
        if isinstance(arg, str) and arg.strip():
            return arg.strip().split("\n", 1)[0]
    return ""
