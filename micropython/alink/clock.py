# Is the clock set? Certificates have dates. MIT licence.

import time

from micropython import const

from .errors import AlinkError

_E_CLOCK = const(2)
_YEAR = const(2024)  # no board that runs this software was switched on before


def is_set():
    """Whether it is. Looks at the year: the epoch of time.time() differs between chip and host."""
    return time.gmtime()[0] >= _YEAR


def check():
    """Raise AlinkError(CLOCK) when it was not set yet: every certificate would be refused."""
    if not is_set():
        raise AlinkError(_E_CLOCK, "the clock says %d" % time.gmtime()[0])
