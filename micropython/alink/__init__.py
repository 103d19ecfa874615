# alink: over-the-air updates through the Alibaba Cloud IoT Platform. MIT licence.
#
# A folder is a lifetime: the files beside this one are what an idle board needs, the folders hold
# what is loaded for a sign-in, a trial or a job and let go again (parts.py). Nothing is loaded
# before it is asked for: a board without an Updater does not pay for one.

__version__ = "1.0.0"

if __path__[0] not in "/.":
    # Parts are loaded all along: found from the current folder, they would be lost with the first
    # os.chdir(). (A frozen package's path begins with a dot.)
    import os

    __path__ = os.getcwd() + "/" + __path__

_HOMES = {
    "AlinkError": "errors",
    "Device": "device",
    "FilesTarget": "files.files",
    "Target": "target",
    "Updater": "updater",
}


def __getattr__(name):
    # Also what `from alink import errors` ends in: MicroPython asks here before it looks for a
    # module of that name.
    home = _HOMES.get(name)
    try:
        module = __import__("alink." + (home or name), None, None, (name,), 0)
    except ImportError as e:
        # (What a module of that name imports may be missing: that is told as it is.)
        if home is not None or "'alink.%s'" % name not in str(e):
            raise
        raise AttributeError(name)
    if home is None:
        return module
    setattr(module, "keep", True)  # noqa: B010 (the application has it now: it is not let go)
    return getattr(module, name)
