# A start of the application: what came of the last ones, and what comes after it? Or safe mode:
# alink without the application (alone.py), after a row of bad ones. MIT licence.
#
# For the generated main.py (tools/images/main_template.py). Leans on nothing but the firmware,
# and no code of it stays in RAM: whether a start has lived for two minutes is seen at the next
# one, by the clock, which goes on over every reset but a power cut.
#
# NVS namespace alink_ota: `bad` counts starts in a row that died young, this one included until
# more is known; `born` is the clock at this start; `why` is that count and what ended it.
# `young_ms`, `pause_ms`, `safe_ms` replace the limits below.

import json
import sys
import time

import esp32
import machine
from micropython import const

_E_APPLICATION_ENDED = const(102)

_ROW = const(5)  # so many, and alink runs without the application
_YOUNG_MS = const(120000)
_PAUSE_MS = const(5000)  # before the first restart; 5 min before the fifth
_GROWS = b"\x01\x03\x09\x1b\x3c"
_SAFE_MS = const(3600000)  # then the application is tried once more
_SET_S = const(300000000)  # further than ten years the clock moves only when it is set


def begin():
    """What runs now: None, the application; "", an update without it (see alone.py); else alink
    alone, and why (str).
    """
    boot = sys.modules["alink_boot"]
    boot["alone"] = True  # it may, later (job/ways.py)
    boot["began"] = time.ticks_ms()
    if boot["trial"] is not None:
        return None
    nvs = _journal()
    if _number(nvs, "alone_n", -1) >= 0:
        return ""
    if boot["dev"]:
        return None
    bad = 0
    cause = machine.reset_cause()
    # Power-on, deep sleep, a soft reset: a switch, a sensor, a developer.
    if cause == machine.WDT_RESET or cause == machine.HARD_RESET:
        bad = _number(nvs, "bad", 0)
        age = int(time.time()) - _number(nvs, "born", 0)
        if limit("young_ms", _YOUNG_MS) <= age * 1000 and age < _SET_S:
            bad = 0
        if bad >= _ROW:
            return _why(nvs, bad, cause)
    if not bad:
        _forget(nvs, "why")
    _mark(nvs, bad + 1, 0)
    return None


def finish(text):
    """The application has ended, because of `text` (str): a pause, and a reset."""
    lived_ms = time.ticks_diff(time.ticks_ms(), sys.modules["alink_boot"]["began"])
    nvs = _journal()
    bad = 0
    if 0 <= lived_ms < limit("young_ms", _YOUNG_MS):
        # (Nothing was counted on trial, and it may have been confirmed since.)
        bad = max(_number(nvs, "bad", 0), 1)
    pause_ms = limit("pause_ms", _PAUSE_MS) * _GROWS[min(max(bad, 1), _ROW) - 1]
    try:
        nvs.set_blob("why", ("%d %s" % (bad, text)).encode())
    except OSError as e:
        print("[alink] not remembered:", e)
    if not bad:  # (what dies young is told in safe mode)
        tell(_E_APPLICATION_ENDED, text)
    _mark(nvs, bad, pause_ms // 1000)
    print("[alink] the application has ended; it is restarted in %d s" % (pause_ms // 1000))
    time.sleep_ms(pause_ms)
    machine.reset()


def tell(code, text):
    """Leave it to be told after the next sign-in (after_reset/standing.py) that the application
    has ended: `code` (int, of errors), `text` (str).

    As progress: it is no job's end, and a -1 would end the one that comes to mend it.
    """
    try:
        from version import VERSION

        from alink.errors import AlinkError

        desc = AlinkError(code, "%s ended: %s" % (VERSION, text)).text(128)
        nvs = _journal()
        nvs.set_blob("fell", json.dumps([1, desc, "default", ""]).encode())
        nvs.commit()
    except Exception as e:
        print("[alink] its end is not told:", repr(e))


def starved(error):
    """The application leaves no memory to sign in, or to judge an offer (AlinkError): on trial it
    falls, else alink goes on without it, at once.
    """
    boot = sys.modules.get("alink_boot")
    if boot is None or boot["dev"] or not boot.get("alone"):
        return  # there is no way to do without it, or it is done without it already
    text = "no memory: " + error.detail
    if boot["trial"] is not None:
        boot["trial"].fail("crash " + text)
    nvs = _journal()
    nvs.set_blob("why", ("%d %s" % (_ROW, text[:100])).encode())
    _mark(nvs, _ROW, 0)
    machine.reset()


def forget():
    """Somebody has stopped the application by hand: that is no bad end."""
    _forget(_journal(), "bad")


def wait():
    """How long alink runs alone before the application is tried again (ms)."""
    _mark(_journal(), _ROW, 0)  # a reset meanwhile leads back here
    return limit("safe_ms", _SAFE_MS)


def again():
    """One more try of an application that has died young too often."""
    _mark(_journal(), _ROW - 1, 0)
    machine.reset()


def limit(name, usual):
    """The limit `name` of NVS (ms), or the usual one."""
    value = _number(_journal(), name, 0)
    return value if value >= 10 else usual


def _journal():
    # The loader's own, where it has left it: none is ever closed, and each takes memory.
    boot = sys.modules.get("alink_boot")
    return (boot and boot.get("nvs")) or esp32.NVS("alink_ota")


def _why(nvs, bad, cause):
    if cause == machine.WDT_RESET:
        return "watchdog"
    try:
        said = bytearray(128)
        count, _, text = bytes(said[: nvs.get_blob("why", said)]).decode().partition(" ")
        if count == str(bad):
            return text
    except (OSError, ValueError):
        pass
    return "reset"


def _mark(nvs, bad, ahead_s):
    try:
        if _number(nvs, "bad", 0) != bad:
            nvs.set_i32("bad", bad)
        nvs.set_i32("born", int(time.time()) + ahead_s)
        nvs.commit()
    except OSError as e:
        print("[alink] start not counted:", e)


def _forget(nvs, name):
    try:
        nvs.erase_key(name)
        nvs.commit()
    except OSError:
        pass  # there is none


def _number(nvs, name, default):
    try:
        return nvs.get_i32(name)
    except OSError:
        return default
