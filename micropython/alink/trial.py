# Is the running image on trial? What the application and the package ask the loader. MIT licence.
#
# A new image runs on trial (PENDING_VERIFY) until it is confirmed; boot.py leaves a dictionary in
# sys.modules["alink_boot"]: `trial` is the object that watches over it, None when it is over.

import sys


def watch(name="trial"):
    """What the loader has under `name`; None where something else than boot.py started this."""
    boot = sys.modules.get("alink_boot")
    return None if boot is None else boot[name]


def running():
    """Whether the running image is on trial: till then the other slot is the only fallback."""
    return watch() is not None


def feed():
    """Feed the watchdog that the loader armed; without one does nothing."""
    # (As watch(), without its two calls: this is at every turn of the main loop.)
    boot = sys.modules.get("alink_boot")
    if boot is not None:
        trial = boot["trial"] or boot["wdt"]
        if trial is not None:
            trial.feed()
