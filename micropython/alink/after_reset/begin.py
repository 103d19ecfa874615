# Once after a reset: are the arguments right, is the loader there, is a trial open? MIT licence.

import os
import sys

from micropython import const

from .. import log, parts, trial
from ..nvs import JOURNAL, Store
from ..versions import valid

_HERE = "/boot.py"
_COPY = "/app/boot.py"
_PROVE_MAX_MS = const(300000)
_WAYS = (None, "beside", "in turn", "alone")


def settings(
    version,
    *,
    source=None,
    target=None,
    ca=None,
    allow_http=False,
    block_size=4096,
    way=None,
    on_job=None,
    on_progress=None,
    on_state=None,
    self_test=None,
    before_reset=None,
    feed=None,
    max_attempts=3,
    retry_trial_ms=600000,
    prove_ms=60000,
    fetch=None,
    sign_key=None,
):
    """The arguments of an Updater, checked -> its hooks, its options, its limits.

    Raises ValueError or TypeError for one that cannot work.
    """
    if not valid(version):
        raise ValueError("version: 1 to 64 of letters, digits, '.', '-', '_'")
    if fetch is not None or block_size != 4096:
        parts.ask("job.retry", "check", fetch, block_size)
    if way not in _WAYS:
        raise ValueError("way must be None, 'beside', 'in turn' or 'alone'")
    for number in (max_attempts, retry_trial_ms, prove_ms):
        if not isinstance(number, int) or number < 0:
            raise ValueError("max_attempts, retry_trial_ms and prove_ms must be whole numbers")
    if prove_ms > _PROVE_MAX_MS:
        raise ValueError("prove_ms: 5 minutes at most, a trial has ten")
    hooks = (on_job, on_progress, on_state, self_test, before_reset, feed)
    for hook in hooks:
        if hook is not None and not callable(hook):
            raise ValueError("a hook must be callable or None, not %r" % (hook,))
    if sign_key is not None:
        if not isinstance(sign_key, (bytes, bytearray, str)):
            raise ValueError("sign_key must be bytes or text")
        # The key as a number: what is wrong with it is said here, and not when a job comes.
        sign_key = parts.ask("job.signature", "load_key", sign_key)
    options = (source, target, ca, allow_http, block_size, way, fetch, sign_key)
    limits = (max_attempts, retry_trial_ms, prove_ms)
    return hooks + (options, limits)


def begin(up):
    """Bring a new Updater up to date with what the last reset has left."""
    up.loader_ok = _loader()
    store = Store(JOURNAL)
    if store.get_bytes("defer") is not None:
        up.deferral = parts.use("deferral").Deferral(store)
    fell = store.get_json("fell")  # step, desc, module, job key
    if not (isinstance(fell, list) and len(fell) == 4):
        fell = None
    found = None
    if store.get_bytes("trial") is not None:
        found, fell = parts.use("after_reset.outcome").look(up, store, fell)
    if fell is not None or found is not None or trial.running():
        up.after = parts.use("after_reset.standing").After(up, store, found, fell)
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
        with open(_COPY, "rb") as source, open(_HERE + ".new", "wb") as out:
            piece = bytearray(512)
            while True:
                n = source.readinto(piece)
                if not n:
                    break
                out.write(piece if n == 512 else piece[:n])
        os.rename(_HERE + ".new", _HERE)
    except OSError as e:
        if boot is not None:
            return True  # frozen into the firmware: there is no file, and none is needed
        log.info("boot.py is missing and cannot be restored:", e)
        return False
    log.info("boot.py was missing: restored, LOADER", boot["loader"] if boot else 0)
    return True
