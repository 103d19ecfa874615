# Runs the application as a program, or alink without it; sees to it that no end of it is the end.
# MIT licence. Written by image.py: your own main.py is app_main.mpy beside this file.
import sys
import time

boot = sys.modules.get("alink_boot")
began = time.ticks_ms()
text = "main.py has ended"
try:
    if boot is not None:
        from alink import parts

        why = parts.ask("starts", "begin")
        if why is not None:
            parts.use("alone").run(why)
    import app_main  # noqa: F401
except (KeyboardInterrupt, SystemExit):
    if boot is not None and boot["trial"] is None:
        from alink import parts

        parts.ask("starts", "forget")
    raise
except BaseException as exc:
    if boot is None or boot["dev"]:
        raise
    sys.print_exception(exc)
    name = type(exc).__name__
    try:
        text = (name + ": " + str(exc).replace("\n", " "))[:100]
    except Exception:
        text = name
if boot is not None and not boot["dev"]:
    if boot["trial"] is not None:
        # Nothing of alink is needed here: whatever broke may have broken that too.
        boot["trial"].fail("crash " + text)
    lived = time.ticks_diff(time.ticks_ms(), began)
    try:
        try:
            parts.use("starts").finish(text, lived)
        except MemoryError:
            sys.modules["app_main"].__dict__.clear()
            parts.use("starts").finish(text, lived)
    except Exception as exc:
        sys.print_exception(exc)
    time.sleep(5)
    import machine

    machine.reset()
