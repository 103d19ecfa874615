# Runs the application as a program, or alink without it. MIT licence. Written by image.py: your
# own main.py is app_main.mpy beside this file, and what comes of its end is in app_end.mpy.
import sys

boot = sys.modules.get("alink_boot")
error = None
try:
    if boot is not None:
        from alink import parts

        why = parts.ask("starts", "begin")
        if why is not None:
            parts.use("alone").run(why)
    import app_main  # noqa: F401
except BaseException as exc:
    error = exc
try:
    import app_end
except MemoryError:
    sys.modules["app_main"].__dict__.clear()
    import app_end
app_end.end(boot, error)
