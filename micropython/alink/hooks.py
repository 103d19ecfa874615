# Calling into the application. MIT licence.

from . import log


def call(hook, *args):
    """Call `hook` (callable or None); an exception is logged and goes no further.

    The application's mistake in a hook must not cost it the update, or its main loop.
    """
    if hook is not None:
        try:
            hook(*args)
        except Exception as e:
            log.info("a hook failed: %s: %s" % (type(e).__name__, e))


def fault(self_test):
    """Why `self_test` (callable or None) has not passed (str), or None: False or an exception."""
    if self_test is None:
        return None
    try:
        return "returned False" if self_test() is False else None
    except Exception as e:
        return "%s: %s" % (type(e).__name__, e)
