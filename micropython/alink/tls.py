# TLS that always verifies, the check of the clock, and errors in words. MIT licence.
#
# mbedTLS keeps its buffers outside the Python heap: while a connection is open on a stock ESP32,
# 16 KiB in and 4 KiB out on the IDF heap.

import binascii
import errno
import sys
import time

import tls

from . import errors

_YEAR = 2024  # no board that runs this software was switched on before
_BEGIN = b"-----BEGIN CERTIFICATE-----"
_END = b"-----END CERTIFICATE-----"
# What getaddrinfo raises: EAI_FAIL and EAI_NONAME of lwIP, and three of a Unix host.
_NO_NAME = (-202, -200, -2, -3, -5)


_shared = None  # (DER certificates or None, SSLContext) of the context made last


def context(ca=None):
    """A tls.SSLContext for a client that verifies chain, host name and dates.

    ca: None for the platform's roots (ca.py), or your own: PEM or DER, bytes or str, or a list
    or tuple of those. Raises ValueError if `ca` holds no certificate. Asked again for the same
    certificates it gives the same context, so that session and download share one in RAM.
    """
    global _shared
    own = None if ca is None else to_der(ca)
    if _shared is not None and _shared[0] == own:
        return _shared[1]
    _shared = None
    ctx = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    ctx.verify_mode = tls.CERT_REQUIRED
    if own is None:
        from . import ca as roots

        for der in roots.bundle():
            ctx.load_verify_locations(der)
        _forget("ca")
    else:
        for der in own:
            ctx.load_verify_locations(der)
    _shared = (own, ctx)
    return ctx


def _forget(module):
    # The context has its own copy: 3 KiB of certificates need not stay in RAM beside it. A module
    # hangs on sys.modules and on its package.
    package = __name__.rsplit(".", 1)[0]
    sys.modules.pop(package + "." + module, None)
    sys.modules[package].__dict__.pop(module, None)


def to_der(ca):
    """`ca` as for context() -> list of DER bytes. Raises ValueError where there is none.

    PEM is taken apart here because not every build can parse it; a PEM file may hold several.
    """
    if isinstance(ca, (list, tuple)):
        found = []
        for one in ca:
            found += to_der(one)
        if not found:
            raise ValueError("ca is empty: give at least one certificate")
        return found
    data = ca.encode() if isinstance(ca, str) else bytes(ca)
    if data[:1] == b"\x30":
        return [data]
    found = []
    for part in data.split(_BEGIN)[1:]:
        body, end, _ = part.partition(_END)
        if not end:
            raise ValueError("ca is a PEM text that was cut off: its END line is missing")
        found.append(binascii.a2b_base64(b"".join(body.split())))
    if not found:
        raise ValueError("ca is neither PEM nor DER: it must hold a certificate")
    return found


def check_clock():
    """Raise AlinkError(CLOCK) when the clock was not set yet: every certificate would be refused.

    Looks at the year, because the epoch of time.time() differs between chip and host.
    """
    year = time.gmtime()[0]
    if year < _YEAR:
        raise errors.AlinkError(errors.CLOCK, "the clock says %d" % year)


def tls_error(exc):
    """What went wrong while connecting -> AlinkError.

    exc: ValueError (mbedTLS's words about a certificate), OSError or AlinkError (as it is).
    A positive errno is the network's (TIMEOUT or LINK), a negative one is mbedTLS's (TLS).
    """
    if isinstance(exc, errors.AlinkError):
        return exc
    if not isinstance(exc, OSError):
        return errors.AlinkError(errors.TLS, _line(str(exc)))
    number = exc.args[0] if exc.args and isinstance(exc.args[0], int) else 0
    if number in _NO_NAME:
        return errors.AlinkError(errors.LINK, "the host's name could not be resolved")
    if -256 < number < 0:
        number = -number  # a socket's errno that came back through mbedTLS
    if number == errno.ETIMEDOUT:
        return errors.AlinkError(errors.TIMEOUT, "no answer while connecting")
    if number < 0 or (len(exc.args) > 1 and "MBEDTLS" in str(exc.args[1])):
        return errors.AlinkError(errors.TLS, _mbedtls(exc, number))
    return errors.AlinkError(errors.LINK, errno.errorcode.get(number, "OSError %d" % number))


def _mbedtls(exc, number):
    # Some builds carry the names, some only the number.
    return _line(str(exc.args[1])) if len(exc.args) > 1 else "mbedTLS -0x%04x" % -number


def _line(text):
    return text.strip().split("\n", 1)[0]
