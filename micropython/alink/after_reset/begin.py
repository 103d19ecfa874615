# Once after a reset: is the loader there, is a trial open? MIT licence.

import gc
import os
import sys

from micropython import const

from .. import log, parts, trial
from ..nvs import JOURNAL, Store

_SECURE = const(2)  # of a Device's settings: see signin/connect.py
_HERE = "/boot.py"
_COPY = "/app/boot.py.z"  # zlib


def fill(up, version, given):
    """Everything that a new Updater has, but for what its own __init__ has made, and with it what
    the last reset has left. Raises ValueError or TypeError for an argument that cannot work.
    """
    # (What checks them is let go before the rest.)
    options, hooks = parts.ask("after_reset.arguments", "checked", version, given)
    up.options = tuple(options)
    for name, hook in hooks:
        setattr(up, name, hook)
    up.version = version
    up.job = None
    up.modules = []  # the parts of the board beside the slot: modules.py
    # module: id of the query whose reply counts; "": offers in a row that could not be judged
    up.asked = {}
    up.only = None  # key of the only job that is taken, or "": see alone.py
    up.bad = None  # hash of the last offer refused for its form
    up.repeated = None  # (ticks, ms): the running version, asked for, was reported again
    begin(up)
    parts.drop("versions")
    device = up.device
    device.on_feed = up.feed_all
    device.on_long = up._long
    own = "%s/%s" % (device.product_key, device.device_name)
    # (By hand: what Device.subscribe() loads would take 50 reads of the volume at each start.)
    topics = "/ota/device/upgrade/" + own, "/sys/%s/thing/ota/firmware/get_reply" % own
    device._topics = [one for one in device._topics if one[0] not in topics]
    for topic in topics:
        device._topics.append([topic, up._pushed, 0, False])
    device._signing = device._signing or True


def begin(up):
    """Bring a new Updater up to date with what the last reset has left."""
    up.loader_ok = _loader()
    store = Store(JOURNAL)
    if store.get_bytes("defer") is not None:
        up.deferral = parts.use("deferral").Deferral(store)
    fell = store.get_json("fell")
    found = None
    if store.get_bytes("trial") is not None:
        found, fell = parts.ask("after_reset.outcome", "look", up, store, fell)
    if trial.running():
        # Here there is the most room: the application has hardly begun, nothing is connected.
        # (What lies about is collected, or what stays would come to lie behind that.)
        try:
            gc.collect()
            text = parts.ask("after_reset.rehearsal", "fault", up.device._settings[_SECURE])
        except MemoryError:
            text = None  # (Nor is it a fault in there.)
        if text is not None:
            trial.watch().fail("rehearsal " + text)
        up.after = parts.use("after_reset.proving").Proving(up, store)
    elif fell is not None or found is not None:
        up.after = parts.use("after_reset.standing").After(up, found, fell)
    if up.run is None:
        up.set_state("on trial" if trial.running() else "idle")


def _loader():
    # Whether the next reset would arm a trial. boot.py is never updated over the air: one that is
    # there stays as it is; an image carries a copy for the day somebody deletes the board's own.
    try:
        with open(_HERE) as f:
            for _ in range(200):
                if f.readline(100).startswith("LOADER"):
                    return True
    except (OSError, ValueError):
        return _restore()
    boot = sys.modules.get("alink_boot")
    if boot is not None and boot.get("frozen"):
        return True  # this file has never run: the firmware has one of its own
    log.info("boot.py is not alink's: updates are refused; add its lines to alink's boot.py")
    return False


def _restore():
    boot = sys.modules.get("alink_boot")
    try:
        import deflate  # (Once in the life of a board, if at all.)

        with open(_COPY, "rb") as copy, open(_HERE + ".new", "wb") as out:
            source = deflate.DeflateIO(copy, deflate.ZLIB)
            piece = bytearray(512)
            while True:
                n = source.readinto(piece)
                if not n:
                    break
                out.write(piece if n == 512 else piece[:n])
        os.rename(_HERE + ".new", _HERE)
    except (OSError, EOFError, ImportError, MemoryError) as e:
        if boot is not None:
            return True  # frozen into the firmware: there is no file, and none is needed
        log.info("boot.py is missing and cannot be restored:", e)
        return False
    log.info("boot.py was missing: restored, LOADER", boot["loader"] if boot else 0)
    return True
