# The application has ended: no end of it is the end. MIT licence. Written by image.py.

import sys
import time


def end(boot, error):
    """What is left to raise, where somebody is at the board; a reset otherwise.

    boot: what the loader has left, or None. error: what was raised (BaseException), or None.
    Raises MemoryError.
    """
    by_hand = isinstance(error, (KeyboardInterrupt, SystemExit))
    if by_hand and boot is not None and boot["trial"] is None:
        from alink import parts

        parts.ask("starts", "forget")
    if boot is None or boot["dev"] or by_hand:
        return error
    text = "main.py has ended"
    if error is not None:
        text = name = type(error).__name__
        try:
            sys.print_exception(error)
            text = (name + ": " + str(error).replace("\n", " "))[:100]
        except Exception as exc:
            print(name, "that cannot be told:", type(exc).__name__)
    if boot["trial"] is not None:
        # Nothing of alink is needed here: whatever broke may have broken that too.
        boot["trial"].fail("crash " + text)
    try:
        from alink import parts

        parts.use("starts").finish(text)
    except MemoryError:
        raise
    except Exception as exc:
        sys.print_exception(exc)
    time.sleep(5)
    import machine

    machine.reset()
