# alink: over-the-air updates through the Alibaba Cloud IoT Platform. MIT licence.
#
# The parts are loaded when they are first asked for: a board that only signs in does not pay for
# the flash half, and the parts can be tried one by one on a host.

__version__ = "1.0.0"

_HOMES = {
    "AlinkError": "errors",
    "Device": "device",
    "FilesTarget": "files_target",
    "Updater": "updater",
}


def __getattr__(name):
    # Also what `from alink import errors` ends in: MicroPython asks here before it looks for a
    # module of that name.
    home = _HOMES.get(name)
    try:
        module = __import__("alink." + (home or name), None, None, (name,), 0)
    except ImportError:
        if home is not None:
            raise
        raise AttributeError(name)
    return module if home is None else getattr(module, name)
