# FilesTarget: a set of files on the board's own file system, as the target of a module.
# MIT licence. RAM while an update runs: 11 KB, and 2 ** wbits + 2 KB for a gzip archive.
#
# Two directories, `a` and `b`, hold the set that is current and the one that is coming (or was);
# the small file `current` says which and of which version. It is written last and exchanged by a
# rename, which LittleFS does whole or not at all: it never names a set that is not complete and
# verified. After a reset in the middle the next try begins with its first byte.

import os

import deflate
import micropython
from micropython import const

from . import errors
from .errors import AlinkError
from .tree import Tree, erase_step, failure, is_folder, make_folders
from .untar import Untar

_PIECE = const(2048)  # the most that one step unpacks
# DeflateIO takes its source byte by byte and cannot go on once that ran dry. For 2048 bytes it
# needs 15 bits each at worst, and the head of a block.
_LOW = const(4608)
_RING = const(8704)  # that, and a chunk

_CLEAN = const(0)  # what an earlier try left is removed
_UNPACK = const(1)

_STORED = const(1)  # the file as it is
_TAR = const(2)
_GZIP = const(3)

_ARCHIVES = (".tar", ".tar.gz", ".tgz")


class FilesTarget:
    """A set of files below `folder`: what a module's update brings, all of it or nothing.

    folder: str, absolute, for this target alone, on LittleFS (MicroPython's own on the ESP32; FAT
    cannot rename over a file). max_size: bytes of all files together.
    wbits: the largest window of a gzip archive is 2 ** wbits bytes of RAM (9..15; what other tools
    make needs 15, tools/image.py files 12). max_members: files and directories. name_max: bytes
    of a path in the set.

    Attributes: path (str, the directory of the current set, or None before the first update),
    version (str or None). Read `path` anew each time: an update changes it.

    A single download is a tar archive, plain or gzip. Of a package with several files those named
    .tar, .tar.gz or .tgz are unpacked, others are stored under their names; all go into one set.
    Links, devices, names that lead out of the folder or come twice, and GNU's and pax' long names
    are refused. Beside the calls every target has, there are take(), work(), confirm(), revert()
    and drop() (see Module).
    """

    def __init__(self, folder, max_size=262144, *, wbits=15, max_members=256, name_max=100):
        self.path = None
        self.version = None
        self._folder = folder.rstrip("/")
        self._max_size = max_size
        self._max_members = max_members
        self._name_max = name_max
        self._wbits = wbits
        self._side = ""
        self._before = None  # what activate() replaced
        self._coming = ("", None)  # side and version of the set that is made
        self._tree = None
        self._index = 0
        self._name = ""
        self._begun = False
        self._state = _UNPACK
        self._kind = 0
        self._size = 0
        self._ring = None
        self._buf = None
        self._untar = None
        self._inflate = None
        self._load()

    def _load(self):
        try:
            with open(self._folder + "/current", "rb") as f:
                side, _, version = f.read(80).decode().strip().partition(" ")
        except (OSError, ValueError):
            return  # none yet
        path = self._folder + "/" + side
        if side in ("a", "b") and version and is_folder(path):
            self._side = side
            self.path = path
            self.version = version

    def take(self, version, index, name):
        """The next download is file `index` (0, 1, ...) of the set `version`, named `name`."""
        if index == 0:
            side = "b" if self._side == "a" else "a"
            self._coming = (side, version)
            root = self._folder + "/" + side
            self._tree = Tree(root, self._max_size, self._max_members, self._name_max)
        self._index = index
        self._name = name
        self._begun = False

    def begin(self, size, method, digest, chunk):
        """Get ready for the first byte of the download, also for another time.

        size: int, bytes. The digest is checked by who downloads. Raises AlinkError(TOO_MANY).
        """
        self.drop()
        self._ring = micropython.RingIO(_RING)
        self._buf = bytearray(_PIECE)
        if self._stored() and size > self._max_size:
            raise AlinkError(errors.TOO_MANY, "over %d bytes" % self._max_size)
        self._size = size
        self._kind = 0
        self._untar = Untar(self._tree)
        if self._index and not self._begun:
            self._tree.mark()
        self._begun = True
        self._state = _CLEAN

    def _stored(self):
        name = self._name.lower()
        return bool(name) and not any(name.endswith(end) for end in _ARCHIVES)

    def work(self):
        """Do one bounded part of what waits: a file removed, or 2 KiB unpacked.

        True while write() has to wait. Raises AlinkError ARCHIVE, MEMBER, TOO_MANY, NO_SPACE,
        FLASH.
        """
        if self._state == _CLEAN:
            self._clean()
            return True
        return self._unpack(_LOW)

    def _clean(self):
        tree = self._tree
        if self._index:
            left = tree.undo_step()
        else:
            left = erase_step(tree.root)
            if not left:
                make_folders(tree.root)
                tree.size = tree.members = 0
        if not left:
            self._state = _UNPACK

    def write(self, chunk, n):
        """Take chunk[:n]; work() has returned False. Raises AlinkError, see Tree.create()."""
        if not self._kind:
            self._recognise(chunk)
        self._ring.write(chunk, n)

    def _recognise(self, chunk):
        if self._stored():
            self._tree.create(self._name, self._size)
            self._kind = _STORED
        elif chunk[0] == 0x1F and chunk[1] == 0x8B:
            self._inflate = deflate.DeflateIO(self._ring, deflate.GZIP, self._wbits)
            self._kind = _GZIP
        else:
            self._kind = _TAR

    def _unpack(self, low):
        # One piece; False when there is nothing more. low: what inflating must leave room for.
        ring = self._ring
        have = ring.any()
        if self._kind == _GZIP:
            if have < low:
                return False
            return self._take_inflated()
        n = _PIECE if self._kind == _STORED else self._untar.want
        if have < n:
            if low or not have:
                return False
            n = have  # the last ones
        ring.readinto(self._buf, n)
        if self._kind == _STORED:
            self._tree.write(self._buf, n)
        else:
            self._untar.feed(self._buf, n)
        return True

    def _take_inflated(self):
        try:
            n = self._inflate.readinto(self._buf, self._untar.want)
        except EOFError:
            raise AlinkError(errors.ARCHIVE, "truncated gzip") from None
        except OSError:
            detail = "gzip damaged, or its window is over 2 ** %d" % self._wbits
            raise AlinkError(errors.ARCHIVE, detail) from None
        if n:
            self._untar.feed(self._buf, n)
            return True
        if self._ring.any():
            raise AlinkError(errors.ARCHIVE, "data behind the gzip")
        return False

    def finish(self):
        """Unpack 2 KiB of the rest; True once all of the download is in flash.

        Call it until it returns True. Raises AlinkError, see work().
        """
        if self._unpack(0):
            return False
        if self._kind == _STORED:
            self._tree.close()
        else:
            self._untar.finish()
        self.drop()
        return True

    def activate(self):
        """Make the new set the current one, for this run: confirm() makes it stay."""
        self._before = (self._side, self.path, self.version)
        self._side, self.version = self._coming
        self.path = self._folder + "/" + self._side

    def confirm(self):
        """The new set stays the current one over a reset. Raises AlinkError NO_SPACE or FLASH."""
        name = self._folder + "/current"
        try:
            with open(name + ".new", "wb") as f:
                f.write(b"%s %s\n" % (self._side.encode(), self.version.encode()))
            os.rename(name + ".new", name)
        except OSError as e:
            raise failure(e, name) from None
        self._before = None

    def revert(self):
        """The set that was current before activate() is current again."""
        self._side, self.path, self.version = self._before
        self._before = None

    def drop(self):
        """Let go of what an update needs memory for."""
        self._inflate = None
        self._untar = None
        self._ring = self._buf = None
        if self._tree is not None:
            self._tree.drop()
