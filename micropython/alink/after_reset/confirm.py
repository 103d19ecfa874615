# The end of a trial that went well. MIT licence.

import sys

import esp32
import machine
from micropython import const

from ..errors import AlinkError

_E_FLASH = const(81)

# A watchdog cannot be stopped. ESP-IDF counts it in half milliseconds of 32 bits: the longest time
# that it takes is 24 days, and it is fed all the same (trial.feed).
_FAR_MS = 2000000000


def confirm(stretch):
    """Mark the running image valid and end its trial.

    stretch: bool, put the trial's watchdog out of reach: a soft reset two minutes later is not to
    meet it. Not where the application has one of its own, which this would lengthen, too. Raises
    AlinkError(FLASH).
    """
    try:
        esp32.Partition.mark_app_valid_cancel_rollback()
    except OSError as e:
        raise AlinkError(_E_FLASH, "otadata: %s" % e) from None
    boot = sys.modules.get("alink_boot")
    if boot is not None and boot["trial"] is not None:
        boot["trial"] = None  # which lets go of all that watched over it
        if stretch:
            boot["wdt"] = machine.WDT(timeout=_FAR_MS)
