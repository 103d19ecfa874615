# Downloads into the set of files that is coming: unpacked, or stored as they are. MIT licence.
#
# Loaded when a job for a FilesTarget begins, and let go with it.

import os

import deflate
import micropython
from micropython import const

from ..errors import AlinkError
from .tree import Tree, erase_step, failure, make_folders
from .untar import Untar

_E_ARCHIVE = const(70)
_E_TOO_MANY = const(72)

_PIECE = const(1024)  # the most that one step unpacks
# DeflateIO takes its source byte by byte and cannot go on once that ran dry. For 1024 bytes it
# needs 15 bits each at worst, and the heads of two blocks.
_LOW = const(2688)
_RING = const(6784)  # that, and a flash block

_CLEAN = const(0)  # what an earlier try left is removed
_UNPACK = const(1)

_STORED = const(1)  # the file as it is
_TAR = const(2)
_GZIP = const(3)

_ARCHIVES = (".tar", ".tar.gz", ".tgz")


class Unpacking:
    """The set `version` (str) on its way to the directory `side` ("a", "b") of `folder` (str).

    limits: (max_size, max_members, name_max, wbits), see FilesTarget. Attributes: side, version as
    given; root: str, the directory.
    """

    def __init__(self, folder, side, version, limits):
        max_size, max_members, name_max, wbits = limits
        self.side = side
        self.version = version
        self.root = folder + "/" + side
        self._folder = folder
        self._max_size = max_size
        self._wbits = wbits
        self._tree = Tree(self.root, max_size, max_members, name_max)
        self._index = 0
        self._name = ""
        self._stored = False
        self._begun = False
        self._state = _UNPACK
        self._kind = 0
        self._size = 0
        self._left = 0  # bytes of it that have not come
        self._told = 0  # the length that its last four bytes tell, of a gzip
        self._made = 0
        self._ring = None
        self._buf = None
        self._untar = None
        self._inflate = None

    def take(self, index, name):
        """The next download is file `index`, named `name`."""
        self._index = index
        self._name = name
        self._begun = False
        lower = name.lower()
        self._stored = bool(name) and not any(lower.endswith(end) for end in _ARCHIVES)

    def begin(self, size):
        """Get ready for its first byte, also for another time. Raises AlinkError(TOO_MANY)."""
        self.close()
        if self._stored and size > self._max_size:
            raise AlinkError(_E_TOO_MANY, "over %d bytes" % self._max_size)
        self._ring = micropython.RingIO(_RING)
        self._buf = bytearray(_PIECE)
        self._size = self._left = size
        self._told = self._made = 0
        self._kind = 0
        self._untar = Untar(self._tree)
        if self._index and not self._begun:
            self._tree.mark()
        self._begun = True
        self._state = _CLEAN

    def work(self):
        """Do one bounded part of what waits; True while write() has to wait."""
        if self._state == _CLEAN:
            self._clean()
            return True
        return self._unpack(_LOW)

    def _clean(self):
        tree = self._tree
        if self._index:
            left = tree.undo_step()
        else:
            left = erase_step(self.root)
            if not left:
                make_folders(self.root)
                tree.size = tree.members = 0
        if not left:
            self._state = _UNPACK

    def write(self, block, n):
        """Take block[:n]; work() has returned False. Raises AlinkError, see Tree.create()."""
        if not self._kind:
            self._recognise(block)
        self._ring.write(block, n)
        # The inflater takes them with the CRC, and looks at that alone.
        left = self._left
        for i in range(max(left - 4, 0), n):
            self._told |= block[i] << (i + 4 - left) * 8
        self._left = left - n

    def _recognise(self, block):
        if self._stored:
            self._tree.create(self._name, self._size)
            self._kind = _STORED
        elif block[0] == 0x1F and block[1] == 0x8B:
            self._inflate = deflate.DeflateIO(self._ring, deflate.GZIP, self._window(block))
            self._kind = _GZIP
        else:
            self._kind = _TAR

    def _window(self, head):
        # What tools/image.py says that the window is, or the largest there may be.
        told = 0
        if head[3] & 4 and head[12] == 65 and head[13] == 76:  # an extra field, named AL
            told = head[16]
        return told if 9 <= told < self._wbits else self._wbits

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
            raise AlinkError(_E_ARCHIVE, "truncated gzip") from None
        except OSError:
            detail = "gzip damaged, or its window is over 2 ** %d" % self._wbits
            raise AlinkError(_E_ARCHIVE, detail) from None
        if n:
            self._made += n
            self._untar.feed(self._buf, n)
            return True
        if self._ring.any():
            raise AlinkError(_E_ARCHIVE, "data behind the gzip")
        if self._made != self._told:
            raise AlinkError(_E_ARCHIVE, "%d bytes, the gzip tells %d" % (self._made, self._told))
        return False

    def finish(self):
        """Unpack one piece of the rest; True once all of the download is in flash."""
        if self._unpack(0):
            return False
        if self._kind == _STORED:
            self._tree.close()
        else:
            self._untar.finish()
        self.close()
        return True

    def store(self):
        """This set is the current one, over a reset. Raises AlinkError NO_SPACE or FLASH."""
        name = self._folder + "/current"
        try:
            with open(name + ".new", "wb") as f:
                f.write(b"%s %s\n" % (self.side.encode(), self.version.encode()))
            os.rename(name + ".new", name)
        except OSError as e:
            raise failure(e, name) from None

    def close(self):
        """Let go of the memory that a download needs, and of a file that is not complete."""
        self._inflate = None
        self._untar = None
        self._ring = self._buf = None
        self._tree.drop()
