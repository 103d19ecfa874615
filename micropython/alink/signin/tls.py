# A TLS context that always verifies. MIT licence.
#
# mbedTLS keeps its buffers outside the Python heap: while a connection is open on a stock ESP32,
# 25 KiB of the IDF heap.

import binascii

import tls
from micropython import const

from .. import parts, session

_BEGIN = const(b"-----BEGIN CERTIFICATE-----")
_END = const(b"-----END CERTIFICATE-----")


def context(ca=None):
    """A tls.SSLContext for a client that verifies chain, host name and dates.

    ca: None for the platform's roots, or your own: PEM or DER, bytes or str, or a list or tuple of
    those; True for the one in the settings, which is read when it is needed. Asked again for the
    same it gives the same context: session and download share one in RAM (session.shared). Raises
    AlinkError(CLOCK) while the clock is not set, ValueError if `ca` holds no certificate, and what
    faults.named() has a name for.
    """
    if session.shared is None or (session.shared[0] != ca and not same(session.shared[0], ca)):
        session.shared = None  # it goes before the next one is made
        session.shared = ca, _made(ca)
    return session.shared[1]


def _made(ca):
    parts.ask("clock", "check")  # before its time, every certificate would be refused
    ctx = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    ctx.verify_mode = tls.CERT_REQUIRED
    # The context has its own copy: 3 KiB of certificates need not stay in RAM beside it.
    for der in parts.ask("signin.ca", "bundle") if ca is None else to_der(ca):
        ctx.load_verify_locations(der)
    return ctx


def kept(ca):
    """What is kept of `ca`: True for the one in the settings, which can be read again: it has 1 KB
    that an idle board need not hold.
    """
    return True if ca is not None and same(ca, True) else ca


def same(*two):
    """Whether two, as for context(), are the same when True is read."""
    one, other = [parts.ask("nvs", "setting", "ca") if ca is True else ca for ca in two]
    return one == other


def to_der(ca):
    """`ca` as for context(), but None -> list of DER bytes. Raises ValueError where there is
    none.

    PEM is taken apart here because not every build can parse it; a PEM file may hold several.
    """
    if isinstance(ca, (list, tuple)):
        found = []
        for one in ca:
            found += to_der(one)
        if not found:
            raise ValueError("ca is empty: give at least one certificate")
        return found
    if ca is True:
        ca = parts.ask("nvs", "setting", "ca") or b""
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
