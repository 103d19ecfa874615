# Loading and letting go: a folder of this package is a lifetime. MIT licence.
#
# Code that is not needed now is not in RAM. A module is gone when its name has left sys.modules
# and its package, its globals are cleared (the collector scans the C stack, where a stale pointer
# to the module would keep all that they reach), and a call a dozen frames deep has overwritten
# what is stale there. Names stay: an interned string is never freed.

import gc
import sys

_HOME = __name__.rpartition(".")[0] + "."
_DEPTH = 12


def use(name):
    """The module `name` of this package ("job.http"), loaded if it is not."""
    return __import__(_HOME + name, None, None, (name,), 0)


def drop(name):
    """Let go of the module `name`, or of a folder ("job") with all in it.

    Nothing may be inside a function of it, and no object of its classes may be used any more.
    """
    full = _HOME + name
    for one in list(sys.modules):
        if one == full or one.startswith(full + "."):
            module = sys.modules[one]
            if "keep" in module.__dict__:  # the application has it, too: see journal.py
                continue
            home, _, leaf = one.rpartition(".")
            del sys.modules[one]
            if home in sys.modules:
                sys.modules[home].__dict__.pop(leaf, None)
            module.__dict__.clear()
    one = module = None  # noqa: F841 (or they would keep it)
    _deep(_DEPTH)
    gc.collect()


def ask(name, function, *args):
    """What `function` (str) of the module `name` says to `args`; the module is let go again."""
    loaded = _HOME + name in sys.modules
    try:
        return getattr(use(name), function)(*args)
    finally:
        if not loaded:
            drop(name)


def _deep(depth):
    if depth:
        _deep(depth - 1)
