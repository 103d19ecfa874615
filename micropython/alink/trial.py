# Is the running image on trial? What the application and the package ask the loader. MIT licence.
#
# A new image runs on trial (PENDING_VERIFY) until it is confirmed; boot.py leaves a dictionary in
# sys.modules["alink_boot"]: `trial` is the object that watches over it, None when it is over.

import sys


def _loader(name):
    # None where something else than boot.py started this image
    boot = sys.modules.get("alink_boot")
    return None if boot is None else boot[name]


def running():
    """Whether the running image is on trial: till then the other slot is the only fallback."""
    return _loader("trial") is not None


def linked(up):
    """Tell the loader whether this image is signed in (bool)."""
    trial = _loader("trial")
    if trial is not None:
        trial.linked(up)


def feed():
    """Feed the watchdog that the loader armed; without one does nothing."""
    trial = _loader("trial") or _loader("wdt")
    if trial is not None:
        trial.feed()


def fail(kind, text=""):
    """On trial: leave `kind` ("self-test", ...) and `text` for the old image, and reset."""
    trial = _loader("trial")
    if trial is not None:
        trial.fail(kind + " " + text)
