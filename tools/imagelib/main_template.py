# Runs the application, or alink without it; on trial an exception becomes a record and a reset.
# MIT licence. Written by image.py: your own main.py is app_main.mpy beside this file.
import sys

boot = sys.modules.get("alink_boot")


def alone():
    # An application that leaves too little memory has handed an update over (alink/alone.py).
    import esp32

    if boot is None:
        return False
    boot["alone"] = True  # it may, later
    if boot["trial"] is not None:
        return False
    try:
        esp32.NVS("alink_ota").get_i32("alone_n")
        return True
    except OSError:
        return False


try:
    if alone():
        from alink import alone

        alone.run()
    else:
        del alone
        import app_main  # noqa: F401
except (KeyboardInterrupt, SystemExit):
    raise
except BaseException as exc:
    # Nothing of alink is needed here: whatever broke may have broken that too.
    if boot is not None and boot["trial"] is not None:
        sys.print_exception(exc)
        name = type(exc).__name__
        try:
            text = (name + ": " + str(exc).replace("\n", " "))[:100]
        except Exception:
            text = name
        boot["trial"].fail("crash " + text)
    raise
