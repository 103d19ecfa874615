# alink without the application, after a restart: for an update, or because it ends. MIT licence.
#
# An update: an application that holds so much that not even one TLS session finds room writes the
# job's key to NVS (job/ways.py) and restarts; the generated main.py then runs this in its place.
# It signs in, asks for the job, downloads, verifies, stores and restarts into the new image. What
# it cannot do leads back to the application by itself: a job that is offered no more, or fails;
# three starts of this that ended in a reset, a power cut or without a link.
#
# Safe mode: an application that has died young too often (starts.py) is left out. This signs in,
# tells the platform what happened and takes the next job; after an hour the application gets
# another try.

import sys
import time

import machine
from micropython import const
from version import VERSION

from . import log, parts
from .nvs import JOURNAL, Store

_E_SAFE_MODE = const(100)

_TRIES = const(3)
_LINK_MS = const(600000)  # to sign in
_JOB_MS = const(60000)  # for the job to be offered, once signed in
_REST_MS = const(10)
_PAUSE_MS = const(300000)  # where alink alone comes to nothing


def run(why):
    """Do it; ends in a reset. why: str, of safe mode; "" for an update."""
    store = Store(JOURNAL)
    if why:
        _safe(store, why)
    tries = store.get_int("alone_n") + 1
    key = store.get_text("alone")
    if tries > _TRIES or not key:
        # A failed attempt of this job: the application takes it up again, but not for ever.
        if key:
            parts.ask("attempts", "more", store, key)
        _back("given up after %d tries" % _TRIES)
    try:
        # Before anything of it is tried: what resets the board in there has been a try, too.
        store.set_int("alone_n", tries)
        log.info("an update without the application, try", tries)
        _back(_work(key))
    except Exception as e:
        sys.print_exception(e)
    machine.reset()


def _work(key):
    # -> why it has not come to a restart into the new image
    device, updater = _online(_LINK_MS, key)
    begun = False
    limit = _LINK_MS
    since = time.ticks_ms()
    linked = False
    while True:
        updater.poll()
        if updater.run is not None:
            begun = True
        elif begun:
            return "the update failed"
        if device.connected != linked:
            linked = device.connected
            limit = _JOB_MS if linked else _LINK_MS
            since = time.ticks_ms()
        if not begun and time.ticks_diff(time.ticks_ms(), since) > limit:
            if linked:
                return "the job is offered no more"
            raise OSError("no link")
        if updater.run is None:
            time.sleep_ms(_REST_MS)


def _safe(store, why):
    began = time.ticks_ms()
    limit = parts.ask("starts", "wait")
    log.info("safe mode, without the application:", why)
    try:
        if store.get_bytes("fell") is None:
            parts.ask("starts", "tell", _E_SAFE_MODE, why)
        _, updater = _online(limit, "")
        while updater.run is not None or time.ticks_diff(time.ticks_ms(), began) < limit:
            updater.poll()
            if updater.run is None:
                time.sleep_ms(_REST_MS)
    except Exception as e:
        sys.print_exception(e)
        time.sleep_ms(parts.ask("starts", "limit", "pause_ms", _PAUSE_MS))
    log.info("the application gets another try")
    parts.ask("starts", "again")


def _online(limit_ms, key):
    # -> Device, Updater; key: of the only job that is taken, "" for any that is the slot's
    sys.modules["alink_boot"]["alone"] = False  # as it is already
    setup = parts.use("setup")
    settings = setup.settings()
    setup.online(settings, limit_ms)
    device = setup.device(settings)
    updater = setup.updater(device, VERSION, settings)
    updater.only = key
    settings = setup = None
    parts.drop("setup", "clock")
    return device, updater


def _back(why):
    log.info("back to the application:", why)
    # (The Updater has let go of the one that was loaded before.)
    nvs = parts.use("nvs")
    nvs.hint(nvs.Store(JOURNAL).erase, "alone_n", "alone", "bad")
    machine.reset()
