# Runs the application, or alink without it. MIT licence. Written by image.py: your main.py is
# app_main.mpy beside this file; its end is app_end.mpy's.
import os
import sys

boot = sys.modules.get("alink_boot")
home = os.getcwd()
error = None
try:
    if boot is not None:
        from alink import parts

        why = parts.ask("starts", "begin")
        if why is not None:
            parts.use("alone").run(why)
    import app_main
except BaseException as exc:
    error = exc
try:
    # Wherever the application has gone, and whatever it holds.
    os.chdir(home)
    sys.path.insert(0, home)
    try:
        import app_end

        error = app_end.end(boot, error)
    except MemoryError:
        module = sys.modules.pop("main", None)
        if module is not None:
            module.__dict__.clear()
        for name in list(sys.modules):
            if name not in ("alink_boot", "__main__", "sys", "os"):
                module = sys.modules.pop(name, None)
                try:  # noqa: SIM105 (a board has no contextlib)
                    module.__dict__.clear()
                except Exception:
                    pass  # the firmware's own; or there was no memory to make it
        module = app_main = parts = None
        import app_end

        error = app_end.end(boot, error)
except (KeyboardInterrupt, SystemExit):
    raise
except BaseException as exc:
    if boot is None or boot["dev"]:
        raise
    sys.print_exception(exc)
    import machine

    machine.reset()
if error is not None:
    raise error
