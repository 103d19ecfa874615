# machine as on the ESP32, as far as resets, time and single pins go. MIT licence.
#
# Resets, the watchdog and timers belong to the boot ROM: it holds their deadlines, ends this
# process by SIGKILL and boots again. A timer's callback runs between two byte codes, as on the
# chip, and like there it waits while a socket call blocks.

import time as _time

from micropython import schedule
from simchip import control as _control
from umachine import idle  # noqa: F401 (part of this module)

PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5
# (And 0, which has no name: what ESP-IDF cannot tell or MicroPython does not know.)

PIN_WAKE = 2
EXT0_WAKE = 2
EXT1_WAKE = 3
TIMER_WAKE = 4
TOUCHPAD_WAKE = 5
ULP_WAKE = 6

_frequency = 160000000


def __getattr__(name):
    # Most programs of a desk have no pins: what has them is loaded when it is asked for.
    if name not in ("ADC", "Pin"):
        raise AttributeError(name)
    return getattr(__import__("sim_pins"), name)


def reset():
    _control.end(b"R\n")


def soft_reset():
    raise SystemExit


def reset_cause():
    return _control.config.get("cause", PWRON_RESET)


def wake_reason():
    return TIMER_WAKE if reset_cause() == DEEPSLEEP_RESET else 0


def unique_id():
    return bytes.fromhex(_control.config.get("unique_id", "240ac4000001"))


def freq(hz=None):
    global _frequency
    if hz is None:
        return _frequency
    if hz not in (20000000, 40000000, 80000000, 160000000, 240000000):
        raise ValueError("frequency must be 20MHz, 40MHz, 80Mhz, 160MHz or 240MHz")
    _frequency = hz


def lightsleep(time_ms=0):
    _time.sleep_ms(time_ms)


def deepsleep(time_ms=-1):
    _control.end(b"Z%d\n" % time_ms)


class WDT:
    """The task watchdog: id 0, cannot be stopped; made again it takes the new timeout."""

    def __init__(self, id=0, timeout=5000):
        if id != 0:
            raise ValueError
        if timeout <= 0:
            raise ValueError("WDT timeout too short")
        # Feeding is passed on no more often than this; the boot ROM adds it to the deadline.
        self._every = min(timeout // 10, 100)
        self._fed = _time.ticks_ms()
        _control.send(b"W%d %d\n" % (timeout, self._every))

    def feed(self):
        now = _time.ticks_ms()
        if _time.ticks_diff(now, self._fed) >= self._every:
            self._fed = now
            _control.send(b"F\n")


_timers = [None, None, None, None]
_listening = False


def _listen():
    # One thread waits for the boot ROM's word that a timer is due and hands the callback to the
    # interpreter's scheduler; callbacks themselves run in the main thread, between byte codes.
    global _listening
    if _listening:
        return
    import _thread

    _thread.start_new_thread(_wait_for_timers, (_control.events,))
    _listening = True


def _wait_for_timers(events):
    which = bytearray(1)
    while events.readinto(which):
        try:
            schedule(_fire, which[0] - 48)
        except RuntimeError:  # the queue is full: the chip loses that one too
            continue


def _fire(id):
    if _control.depth:
        try:
            schedule(_fire, id)  # inside what is C on the chip: at the next occasion
        except RuntimeError:
            pass  # the queue is full, as below
        return
    timer = _timers[id]
    if timer is not None and timer._callback is not None:
        timer._callback(timer)


class Timer:
    """Hardware timers 0 to 3. (-1, the virtual timer, is refused since MicroPython 1.26.)"""

    ONE_SHOT = 0
    PERIODIC = 1

    def __new__(cls, id, **settings):
        if not 0 <= id < 4:
            raise ValueError("invalid Timer number")
        timer = _timers[id]
        if timer is None:
            timer = object.__new__(cls)
            timer._id = id
            timer._callback = None
            timer._mode = 1
            timer._period = 0
            _timers[id] = timer
        return timer

    def __init__(self, id, **settings):
        if settings:
            self.init(**settings)

    def __repr__(self):
        mode = "PERIODIC" if self._mode else "ONE_SHOT"
        return "Timer(%d, mode=%s, period=%d)" % (self._id, mode, self._period)

    def init(
        self, *, mode=1, callback=None, period=0xFFFFFFFF, tick_hz=1000, freq=None, hard=False
    ):
        if hard:
            raise ValueError("hard Timers are not implemented")
        if not _control.attached:
            raise RuntimeError(_control.NO_BOARD)
        self._mode = mode
        self._callback = callback
        self._period = int(1000 / freq) if freq is not None else period * 1000 // tick_hz
        _listen()
        _control.send(b"T%d %d %d\n" % (self._id, self._period, mode))

    def deinit(self):
        self._callback = None
        _control.send(b"D%d\n" % self._id)

    def value(self):
        return 0


class RTC:
    """The clock, and 2048 bytes that outlive a reset but not a power cut."""

    def __init__(self, id=0):
        pass

    def datetime(self, when=None):
        if when is None:
            t = _time.gmtime()
            us = _time.time_ns() // 1000 % 1000000
            return (t[0], t[1], t[2], t[6], t[3], t[4], t[5], us)
        fields = (when[0], when[1], when[2], when[4], when[5], when[6])
        _time._set_clock(_time.mktime(fields))

    def init(self, when):
        self.datetime(when)

    def memory(self, data=None):
        if data is None:
            return bytes.fromhex(_control.config.get("rtc_memory", ""))
        if len(data) > 2048:
            raise ValueError("buffer too long")
        text = bytes(data).hex()
        _control.config["rtc_memory"] = text
        _control.send(b"M" + text.encode() + b"\n")
