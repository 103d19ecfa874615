# Is alink's boot.py on the board? Restores it when it is missing. MIT licence.
#
# boot.py is never updated over the air: one that is there stays as it is. An image carries a copy
# (/app/boot.py) for the day somebody deletes the board's own.

import os
import sys

from . import log

_HERE = "/boot.py"
_COPY = "/app/boot.py"


def version():
    """The LOADER number of the boot.py that started this image (int), or 0 when none did."""
    boot = sys.modules.get("alink_boot")
    return 0 if boot is None else boot.loader


def check():
    """True when the next reset would arm a trial; says on the console what it mended."""
    try:
        with open(_HERE, "rb") as f:
            found = f.read(4096)
    except OSError:
        found = None
    if found is None:
        return _restore()
    if b"LOADER" not in found:
        log.info("boot.py is not alink's: updates are refused; add its lines to alink's boot.py")
        return False
    return True


def _restore():
    try:
        with open(_COPY, "rb") as source:
            body = source.read(16384)
        with open(_HERE + ".new", "wb") as out:
            out.write(body)
        os.rename(_HERE + ".new", _HERE)
    except OSError as e:
        if version():
            return True  # frozen into the firmware: there is no file, and none is needed
        log.info("boot.py is missing and cannot be restored:", e)
        return False
    log.info("boot.py was missing: restored, LOADER", version())
    return True
