# ntptime: sets the board's clock from the host's, when the board has a network. MIT licence.

import errno
import sys as _sys

from simchip import control as _control

_time = _sys.modules.get("utime") or __import__("time")  # the sim's, whatever hides it
_real = _time._real

host = "pool.ntp.org"
timeout = 1


def time():
    """Seconds since 2000; OSError: -202 without a network, ETIMEDOUT without an answer."""
    if not _control.online():
        raise OSError(-202)
    if not _control.flag(_control.NTP):
        _time.sleep_ms(timeout * 1000)
        raise OSError(errno.ETIMEDOUT)
    return _real.time_ns() // 1000000000 - 946684800


def settime():
    _time._set_clock(time())
