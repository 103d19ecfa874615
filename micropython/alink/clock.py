# The clock: certificates have dates. Is it set, and set it by NTP. MIT licence.
#
# Loaded for a question and let go, unless an application has imported it.

import sys
import time

from micropython import const

from . import log, parts
from .errors import AlinkError

_E_CLOCK = const(2)
_E_TLS = const(3)

_YEAR = const(2024)  # no board that runs this software was switched on before
_YEARS = const(20)  # nor does one run it for longer
_HOST = "ntp.aliyun.com"  # unless the settings in NVS, or the application, have another
# What an answer without a time comes to: second 0 of NTP's second era.
_ZERO = (2036, 2, 7, 6, 28)
_MOVED_S = const(60)  # less is no cure for a date


def is_set():
    """Whether it is: whether the year can be. (The epoch of time.time() differs by port.)"""
    return _plausible(time.gmtime())


def check():
    """Raise AlinkError(CLOCK) when it is not set: every certificate would be refused."""
    if not is_set():
        raise AlinkError(_E_CLOCK, "the clock says %d" % time.gmtime()[0])


def ask():
    """Ask NTP, unless it is set; whether it is set now (bool): if not, ask again in a while.

    Takes a second at most, and what looking up a name takes.
    """
    return is_set() or _ntp()


def doubted(error):
    """Ask NTP once more if `error` (AlinkError) is about the dates of a certificate.

    Whether that has moved the clock, so that another try may go better.
    """
    if error.code != _E_TLS or "validity" not in error.detail:
        return False
    before = time.time()
    return _ntp() and abs(time.time() - before) >= _MOVED_S


def _ntp():
    # What an answer cannot be never gets to the clock. Whatever goes wrong means "again".
    known = sys.modules.get("ntptime")
    ntptime = None
    try:
        from machine import RTC

        ntptime = parts.use("firmware").find("ntptime")
        host = parts.use("nvs").Store("alink").get_text("ntp_host")
        ntptime.host = host or getattr(known, "host", _HOST)
        t = time.gmtime(ntptime.time())
        if not _plausible(t):
            raise ValueError("a time in %d" % t[0])
        RTC().datetime((t[0], t[1], t[2], t[6] + 1, t[3], t[4], t[5], 0))
        return True
    except Exception as e:
        log.info("no time from NTP:", repr(e))
        return False
    finally:
        ntptime = None
        parts.drop("firmware")


def _plausible(t):
    return 0 <= t[0] - _YEAR < _YEARS and t[:5] != _ZERO
