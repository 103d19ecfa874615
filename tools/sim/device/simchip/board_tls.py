# tls that reckons with the board's clock: the interpreter's own asks the host's. MIT licence.
#
# Contexts and sessions are the interpreter's own objects. A certificate whose dates do not fit the
# board's clock ends the handshake with the words that mbedTLS has for it. (What the host's clock
# says is asked, too: certificates have to be good by both.)

import time

import tls as _tls
from micropython import const
from tls import *

_DAYS = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)
_VERSION = const(0xA0)
_UTC_TIME = const(0x17)  # two digits for the year


def SSLContext(protocol):
    """The interpreter's context, told to look at dates."""
    made = _tls.SSLContext(protocol)
    watch(made)
    return made


def watch(context):
    """Have `context` look at the dates of certificates."""

    def verify(certificate, depth):
        if context.verify_mode == _tls.CERT_REQUIRED:
            _verify(certificate)
        return 0

    context.verify_callback = verify


def _verify(certificate):
    # Certificate: { { [version], serial number, algorithm, issuer, { not before, not after } ...
    at = _inside(certificate, _inside(certificate, 0))
    if certificate[at] == _VERSION:
        at = _behind(certificate, at)
    for _ in range(3):
        at = _behind(certificate, at)
    at = _inside(certificate, at)
    now = time.time()
    if now < _seconds(certificate, at):
        raise ValueError("The certificate validity starts in the future\n")
    if now > _seconds(certificate, _behind(certificate, at)):
        raise ValueError("The certificate validity has expired\n")


def _inside(der, at):
    # Where the content of the element at `at` begins.
    return at + 2 + (der[at + 1] & 0x7F if der[at + 1] & 0x80 else 0)


def _behind(der, at):
    size = der[at + 1]
    begin = _inside(der, at)
    if size & 0x80:
        size = 0
        for i in range(at + 2, begin):
            size = size << 8 | der[i]
    return begin + size


def _seconds(der, at):
    # A date (YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ) in seconds since 2000.
    begin = _inside(der, at)
    year = _two(der, begin)
    if der[at] == _UTC_TIME:
        year += 2000 if year < 50 else 1900
    else:
        begin += 2
        year = year * 100 + _two(der, begin)
    return time.mktime([year] + [_two(der, begin + i) for i in (2, 4, 6, 8, 10)])


def _two(der, at):
    return (der[at] - 48) * 10 + der[at + 1] - 48
