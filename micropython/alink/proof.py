# The application's own test of something new. MIT licence.


def fault(self_test):
    """Why `self_test` (callable or None) has not passed (str), or None: False or an exception."""
    if self_test is None:
        return None
    try:
        return "returned False" if self_test() is False else None
    except Exception as e:
        return "%s: %s" % (type(e).__name__, e)
