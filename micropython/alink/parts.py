# Loading and letting go: a folder of this package is a lifetime. MIT licence.
#
# Code that is not needed now is not in RAM. A module is gone when its name has left sys.modules
# and its package, its globals are cleared (the collector scans the C stack, where a stale pointer
# to the module would keep all that they reach), and a call a dozen frames deep has overwritten
# what is stale there. Names stay: an interned string is never freed.
#
# So the firmware is not told what it loads. Of each module that it finds by itself it keeps the
# dotted name and the path, 45 bytes for ever, and where an update's hundred are too many, 2 KB for
# a longer table. What use() loads has one name and one path for all: this module is a file system,
# too, behind the package's path, in which that file is whatever is wanted.

import gc
import os
import sys

import vfs
from micropython import const

_HOME = const("alink.")
_DEPTH = const(12)

_ROOM = const("/.alink")  # where the package's files are mounted
_ANY = const("alink._")
_FILE = const("/_.mpy")

# esp32.NVS of these namespaces, once they were opened: nvs.opened()
journal = None  # type: "NVS | None"  # type: ignore[name-defined]
settings = None  # type: "NVS | None"  # type: ignore[name-defined]

# What reserve.py keeps of the IDF heap: its sockets (None: a download has it), and their bytes.
reserve = ()  # type: list | tuple | None
kept = 0

_package = sys.modules["alink"]
_folder = None  # where its files are, in an image
_place = ""  # what _FILE is now
_file = _fault = None
_open = open  # the builtin one


def guard():
    """Keep from a growth of Python's heap what the link needs (idf.py), but beside a download,
    which has all of it; without the memory to do so the link gets what is kept.
    """
    if reserve is not None:
        try:
            ask("idf", "guard")
        except MemoryError:
            release()


def release():
    """Give back what reserve.py keeps: TLS is to have it, or Wi-Fi."""
    global reserve, kept
    if reserve:
        for one in reserve:
            one.close()
        reserve = ()
    kept = 0


def use(name):
    """The module `name` of this package ("job.http"), loaded if it is not."""
    global _place, _fault
    full = _HOME + name
    module = sys.modules.get(full)
    if module is not None:
        return module
    _fault = None
    try:
        if _folder is not None and "." not in name:
            _place = "%s/%s.mpy" % (_folder, name)
            sys.modules.pop(_ANY, None)  # of one that asks for another one while it is loaded
            try:
                module = __import__(_ANY, None, None, (name,), 0)
            except ImportError:
                if _fault is not None:
                    raise
                # A folder, or none at all: that is told by its name.
            finally:
                sys.modules.pop(_ANY, None)
                _package.__dict__.pop("_", None)
        if module is None:
            return __import__(full, None, None, (name,), 0)
    except ImportError:
        if _fault is not None:
            raise _fault  # no memory to find it, or Ctrl-C
        raise
    sys.modules[full] = module
    setattr(_package, name, module)
    return module


def drop(*names):
    """Let go of modules ("advice"), or of folders ("job") with all in them.

    "" are all whose names have one or two letters: what else is in "job" has such a name, and no
    folder, in an image.

    Nothing may be inside a function of them, and no object of their classes may be used any more.
    """
    found = False
    try:
        for name in names:
            one = _loaded(name)
            while one is not None:
                found = True
                _clear(one)
                one = _loaded(name)
    except MemoryError:
        found = True  # what is still there goes with the next call
    name = one = None
    if found:
        _deep(_DEPTH)
        gc.collect()


def _loaded(name):
    # One module that goes with `name`, or None. Makes nothing: this is asked all along an update.
    end = len(_HOME) + len(name)
    for one in sys.modules:
        if (
            one.startswith(name, len(_HOME))
            and one.startswith(_HOME)
            and (
                len(one) == end
                or one.startswith(".", end)
                or (len(one) < end + 3 and not name)  # (tools/images/homes.py)
            )
            and "keep" not in sys.modules[one].__dict__  # the application has it, too: journal.py
        ):
            return one
    return None


def _clear(one):
    module = sys.modules[one]
    home, _, leaf = one.rpartition(".")
    del sys.modules[one]
    module.__dict__.clear()
    if home in sys.modules:
        module = sys.modules[home].__dict__
        module.pop(leaf, None)
        if "__file__" not in module:
            # A folder without code of its own goes with the last one in it.
            for one in sys.modules:
                if one.startswith(home) and one != home:
                    return
            _clear(home)


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


# The file system, as the firmware asks for it.


def mount(*args):
    """Nothing to be done; and for who walks through a board's folders nothing is there."""
    return ()


ilistdir = umount = mount


def stat(path):
    """As os.stat(), as far as an import looks at it: that takes any exception for no file."""
    global _file, _fault
    if path in ("/_", "/_.py"):
        raise OSError(2)  # ENOENT: a folder is looked for first, and a source
    try:
        if not path.endswith(".mpy"):
            return os.stat(_folder + path)
        # (Opened here: to find it twice more would take most of what loading takes.)
        _file = _open(_place if path == _FILE else _folder + path, "rb")
        return (0x8000,) * 10  # S_IFREG
    except BaseException as e:
        if not isinstance(e, OSError):
            _fault = e
        raise


def open(path, mode):
    """What stat() has found."""
    global _file
    file = _file
    _file = None
    return file


if ".frozen" not in _package.__path__ and __file__.endswith(".mpy"):
    _folder = _package.__path__
    try:
        vfs.umount(_ROOM)  # of an alink that was imported before, as tests do
    except OSError:
        pass
    vfs.mount(sys.modules[__name__], _ROOM)
    _package.__path__ = _ROOM
