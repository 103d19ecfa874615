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

from micropython import const

_HOME = const("alink.")
_DEPTH = const(12)

_ROOM = const("/.alink")  # where the package's files are mounted
_ANY = const("alink._")
_FILE = const("/_.mpy")
_NO_FOLDER = const("/_")  # what is looked for first,
_NO_SOURCE = const("/_.py")  # and then
_IS_FILE = const((0x8000, 0, 0, 0, 0, 0, 0, 0, 0, 0))  # S_IFREG
_NAME = const(-9)  # where the name begins in __file__
_NAMES = const(24)  # of modules: more than 23, so a table has 29

# esp32.NVS of these namespaces, once they were opened: nvs.opened()
journal = None  # type: "NVS | None"  # type: ignore[name-defined]
settings = None  # type: "NVS | None"  # type: ignore[name-defined]

# What reserve.py keeps of the IDF heap: its sockets (None: a download has it), and their bytes.
reserve = ()  # type: list | tuple | None
kept = 0

_place = None  # in an image: what _FILE is now
# Of stat() for open(): a file, or what has kept it from finding one.
_file = None  # type: object
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
    global _place, _file
    full = one = _HOME + name
    modules = sys.modules
    module = modules.get(full)
    if module is None:
        # (What has a folder may be missing, and is told by its name; advice/ is one itself.)
        if _place is not None and "." not in name and name != "advice":
            one = _ANY
            _place = __file__[:_NAME] + name + ".mpy"
        _file = None
        modules.pop(_ANY, None)  # of one that asks for another one while it is loaded
        try:
            module = __import__(one, None, None, (name,), 0)
        finally:
            modules.pop(_ANY, None)
            if module is None:
                modules.pop(full, None)
        if one is _ANY:
            module.__name__ = full
            modules[full] = module
            package = modules["alink"]
            package._ = None
            setattr(package, name, module)
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
            # (The application has it, too: journal.py. Without memory an import leaves NULL.)
            and not hasattr(sys.modules.get(one), "keep")
        ):
            return one
    return None


def _clear(one):
    module = sys.modules.pop(one, None)
    home, _, leaf = one.rpartition(".")
    if module is not None:
        module.__dict__.clear()
    module = sys.modules.get(home)
    if module is not None:
        module = module.__dict__
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


# The file system, as the firmware asks for it. (What some names stand for is what is to be done
# for them: nothing.)

mount = max  # of two arguments
umount = dict


def ilistdir(path):
    """For who walks through all folders of a board: nothing is there."""
    return iter(())


def stat(path):
    """As os.stat(), as far as an import looks at it. That takes any exception for no file: what is
    none (no memory to look, or Ctrl-C) is raised by open().
    """
    global _file
    try:
        if path == _NO_FOLDER or isinstance(_file, BaseException):
            return _IS_FILE
        if path == _NO_SOURCE:
            raise OSError(2)  # ENOENT
        place = _place if path == _FILE else __file__[: _NAME - 1] + path
        if not path.endswith(".mpy"):
            return os.stat(place)
        # (Opened here: to find it twice more would take most of what loading takes.)
        _file = _open(place, "rb")
    except BaseException as e:
        if isinstance(e, OSError):
            raise
        _file = e
    return _IS_FILE


statvfs = stat  # as much as `mpremote df` looks at: no blocks


def open(path, mode):
    """What stat() has found."""
    global _file
    file = _file
    _file = None
    if isinstance(file, BaseException):
        raise file
    return file


if ".frozen" not in __file__ and __file__.endswith(".mpy"):
    _place = ""
    try:
        __import__("vfs").umount(_ROOM)  # of an alink that was imported before,
    except (OSError, AttributeError):
        pass  # and was cleared: the generated main.py does, for want of memory
    __import__("vfs").mount(sys.modules[__name__], _ROOM)
    sys.modules["alink"].__path__ = _ROOM

    def _grow(table):
        # A table that would be made anew as more is loaded, and lie where an application wants
        # room, gets its size here, where the heap has hardly begun.
        for number in range(_NAMES - len(table)):
            table[number] = None
        for number in range(_NAMES):
            table.pop(number, None)

    _grow(sys.modules)
    _grow(sys.modules["alink"].__dict__)
    del _grow
