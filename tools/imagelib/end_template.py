# The application has ended: no end of it is the end. MIT licence. Written by image.py.

import sys
import time


def end(boot, error):
    """boot: what the loader has left, or None. error: what was raised (BaseException), or None.

    Raises it where somebody is at the board; a reset otherwise.
    """
    by_hand = isinstance(error, (KeyboardInterrupt, SystemExit))
    if by_hand and boot is not None and boot["trial"] is None:
        from alink import parts

        parts.ask("starts", "forget")
    if boot is None or boot["dev"] or by_hand:
        if error is not None:
            raise error
        return
    text = "main.py has ended"
    if error is not None:
        sys.print_exception(error)
        text = name = type(error).__name__
        try:
            text = (name + ": " + str(error).replace("\n", " "))[:100]
        except Exception:
            text = name
    if boot["trial"] is not None:
        # Nothing of alink is needed here: whatever broke may have broken that too.
        boot["trial"].fail("crash " + text)
    try:
        from alink import parts

        try:
            parts.use("starts").finish(text)
        except MemoryError:
            sys.modules["app_main"].__dict__.clear()
            parts.use("starts").finish(text)
    except Exception as exc:
        sys.print_exception(exc)
    time.sleep(5)
    import machine

    machine.reset()
