# time as on the ESP32: epoch 2000, ticks that wrap at 2**30, a clock that may not be set.
# MIT licence.
#
# The clock is the host's plus a number of seconds that the boot ROM keeps over resets. Ticks
# start so that they wrap soon after the boot (20 s unless told), not after 12 days.

import utime as _real
from micropython import const
from simchip import control as _control
from utime import sleep, sleep_ms, sleep_us  # noqa: F401 (part of this module)

_MASK = const(0x3FFFFFFF)
_HALF = const(0x20000000)
_TO_2000 = const(946684800)
_DAYS = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)

_wrap_ms = _control.config.get("ticks_wrap_ms", 20000)
_ms = (1 << 30) - _wrap_ms - _real.ticks_ms()
_us = (1 << 30) - _wrap_ms * 1000 - _real.ticks_us()
_delta = _control.config.get("clock_delta", 0)


def ticks_ms():
    return (_real.ticks_ms() + _ms) & _MASK


def ticks_us():
    return (_real.ticks_us() + _us) & _MASK


def ticks_cpu():
    return (_real.ticks_cpu() + _us) & _MASK


def ticks_add(ticks, delta):
    if not -_HALF <= delta < _HALF:
        raise OverflowError("ticks interval overflow")
    return (ticks + delta) & _MASK


def ticks_diff(end, start):
    return ((end - start + _HALF) & _MASK) - _HALF


def time():
    return _real.time_ns() // 1000000000 + _delta - _TO_2000


def time_ns():
    return _real.time_ns() + (_delta - _TO_2000) * 1000000000


def gmtime(secs=None):
    secs = time() if secs is None else int(secs)
    return _real.gmtime(secs + _TO_2000)[:8]


localtime = gmtime


def mktime(t):
    """Seconds since 2000 of (year, month, day, hour, minute, second, ...), any of them over."""
    year, month, day, hour, minute, second = t[:6]
    month -= 1
    year += month // 12
    month %= 12
    leap_day = 1 if month > 1 and year % 4 == 0 and (year % 100 or year % 400 == 0) else 0
    before = year - 1
    days = before * 365 + before // 4 - before // 100 + before // 400 - 730119
    days += _DAYS[month] + leap_day + day - 1
    return days * 86400 + hour * 3600 + minute * 60 + second


def _set_clock(seconds):
    # machine.RTC and ntptime: seconds since 2000.
    global _delta
    _delta += seconds - time()
    if _control.attached:
        _control.send(b"K%d\n" % _delta)
