# Beside, in turn or alone: chosen by what memory is free, before anything is opened. MIT licence.
#
# TLS, Wi-Fi and Python's growth draw on one heap of ESP-IDF's. When Python's own heap is full, the
# firmware takes as much again out of it in one bite (py/gc.c, gc_try_add_heap) and never gives it
# back. Figures: measured on an ESP32 without PSRAM, MicroPython 1.26.

import sys

from micropython import const

from .. import log, parts
from ..errors import AlinkError
from ..nvs import JOURNAL, SETTINGS, Store, hint

_SECURE = const(2)  # of the settings: see signin/connect.py
_E_CONFIG = const(1)
_E_NO_MEMORY = const(84)

_BESIDE = const(1)  # the MQTT session stays, the download runs next to it
_IN_TURN = const(2)  # MQTT is signed off for the length of the download
_ALONE = const(3)  # after a restart, without the application

NAMES = (None, "beside", "in turn", "alone")

_SESSION = const(25300)  # a TLS session that stands
_OPENING = const(31400)  # while it is made: its handshake takes 6,100 more
_RECORD = const(17000)  # the largest piece of it, for an incoming record
_PLAIN = const(4000)  # a connection without TLS
_SPARE = const(1000)
_PYTHON = const(9000)  # of Python's heap that a job needs beside its block, at its worst moment
_BLOCK = const(4096)


def pick(free, largest, python, session, opening):
    """The first way for which the memory is enough: _BESIDE, _IN_TURN or _ALONE. Pure.

    free, largest: int, bytes of the IDF heap in all and in one piece. python: int, bytes that
    Python's heap can take without growing. session: int, what signing off gives back. opening:
    int, what the download's connection takes (0: it needs none of its own).
    """
    if python < _PYTHON:
        # It grows in the middle of it, and takes the largest piece at most.
        free -= largest
        largest = free
    if not opening:
        return _BESIDE
    piece = min(opening, _RECORD)
    if free >= opening + _SPARE and largest >= piece:
        return _BESIDE
    if session and free + session >= opening + _SPARE and max(largest, session) >= piece:
        return _IN_TURN
    return _ALONE


def choose(up, job, failed):
    """How to take `job`: _BESIDE, _IN_TURN or _ALONE (which is written down); told on the console.

    up: Updater. failed: the way for which memory was not enough just now, or 0. Raises AlinkError:
    NO_MEMORY, with figures, when none is left; CONFIG when the one that is fixed is not possible;
    NVS.
    """
    free, largest, python = parts.ask("idf", "room")
    if up.run.block is None:
        python -= _BLOCK  # (It is made later.)
    wish = up.options[5]
    reason = ""
    streamed = job.files[0].stream is not None
    if wish is not None and (job.module == "default" if wish == "alone" else not streamed):
        # (Over MQTT a download needs the session, and a module its application: as if unsaid.)
        way = NAMES.index(wish) if failed < NAMES.index(wish) else 0
        reason = "fixed to " + wish
    else:
        wish = None
        tls = not streamed and job.files[0].url.startswith("https:")
        opening = 0 if streamed else _OPENING if tls else _PLAIN
        way = pick(free, largest, python, _SESSION if up.device._settings[_SECURE] else 0, opening)
        if way <= failed:
            way = failed + 1 if failed < _ALONE else 0
        if streamed and way == _IN_TURN:
            way = _ALONE
    if way == _ALONE:
        reason = _alone(job)
        if reason and wish is not None:
            raise AlinkError(_E_CONFIG, reason)
        if reason and failed < _IN_TURN and not streamed:
            # By the figures it is too little, and there is no other way: it is tried.
            way = _IN_TURN
            reason = ""
    if not way or (way == _ALONE and reason):
        raise AlinkError(
            _E_NO_MEMORY,
            "%s (IDF %d free, %d in a piece)" % (reason or "no way left", free, largest),
        )
    if way == _ALONE:
        _leave(job)
    log.info("taken %s: IDF heap %d free, %d in a piece" % (NAMES[way], free, largest))
    return way


def _alone(job):
    # Why this job cannot be done without the application (str), "" if it can.
    boot = sys.modules.get("alink_boot")
    if job.module != "default":
        return "a module needs its application"
    if not boot or not boot.get("alone"):
        return "alone only with the main.py of tools/image.py"
    settings = Store(SETTINGS)
    for name in ("wifi_ssid", "product_key", "device_name", "host"):
        if not settings.get_text(name):
            return "alone only with %s in NVS" % name
    if not settings.get_text("device_secret") and not settings.get_text("device_token"):
        return "alone only with the device_secret in NVS"
    return ""


def _leave(job):
    # It is taken by the next start, which leaves the application out; the slot's main.py knows of
    # this, and no other.
    hint(Store(SETTINGS).erase, "dev")
    store = Store(JOURNAL)
    store.set_text("alone", job.key)
    store.set_int("alone_n", 0)  # last: it is what the next start looks for
