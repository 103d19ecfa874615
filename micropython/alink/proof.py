# The application's own test of something new. MIT licence.

from . import log


def fault(self_test):
    """Why `self_test` (callable or None) has not passed (str), or None: False or an exception."""
    if self_test is None:
        return None
    try:
        said = self_test()
        if said is None:
            log.info("self_test() returned None: that passes; False would not")
        return "returned False" if said is False else None
    except Exception as e:
        return "%s: %s" % (type(e).__name__, e)
