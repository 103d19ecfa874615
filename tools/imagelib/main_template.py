# Runs the application; while on trial an exception becomes a record and a reset.
# MIT licence. Written by image.py: your own main.py is app_main.mpy beside this file.
import sys

try:
    import app_main  # noqa: F401
except (KeyboardInterrupt, SystemExit):
    raise
except BaseException as exc:
    # Nothing of alink is needed here: whatever broke may have broken that too.
    boot = sys.modules.get("alink_boot")
    if boot is not None and boot.trial:
        sys.print_exception(exc)
        name = type(exc).__name__
        try:
            text = (name + ": " + str(exc).replace("\n", " "))[:100]
        except Exception:
            text = name
        boot.fail("crash " + text)
    raise
