# The third way to take an update: after a restart, without the application. MIT licence.
#
# An application that holds so much that not even one TLS session finds room writes the job's key
# to NVS (job/ways.py) and restarts; the generated main.py then runs this in its place. It signs
# in, asks for the job, downloads, verifies, stores and restarts into the new image. What it cannot
# do leads back to the application by itself: a job that is offered no more, or fails; three starts
# of this that ended in a reset, a power cut or without a link.

import sys
import time

import machine
from micropython import const
from version import VERSION

from . import log, parts, setup
from .nvs import JOURNAL, Store, hint

_TRIES = const(3)
_LINK_MS = const(600000)  # to sign in
_JOB_MS = const(60000)  # for the job to be offered, once signed in
_REST_MS = const(10)


def run():
    """Do it; ends in a reset."""
    store = Store(JOURNAL)
    tries = store.get_int("alone_n") + 1
    key = store.get_text("alone")
    if tries > _TRIES or not key:
        # A failed attempt of this job: the application takes it up again, but not for ever.
        if key:
            parts.ask(
                "attempts", "put", store, key, parts.ask("attempts", "count", store, key) + 1
            )
        _back(store, "given up after %d tries" % _TRIES)
    try:
        # Before anything of it is tried: what resets the board in there has been a try, too.
        store.set_int("alone_n", tries)
        log.info("an update without the application, try", tries)
        _back(store, _work(key))
    except Exception as e:
        sys.print_exception(e)
    machine.reset()


def _work(key):
    # -> why it has not come to a restart into the new image
    sys.modules["alink_boot"]["alone"] = False  # as it is already
    settings = setup.settings()
    setup.online(settings, _LINK_MS)
    device = setup.device(settings)
    updater = setup.updater(device, VERSION, settings)
    updater.only = key
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


def _back(store, why):
    log.info("back to the application:", why)
    hint(store.erase, "alone_n", "alone")
    machine.reset()
