# A directory that is filled with files whose names come from outside. MIT licence.
#
# No path leads out of it, none is written twice, and nothing grows beyond what was told. Each call
# is a few operations of the file system, so that the caller's steps stay bounded.

import os

from micropython import const

from ..errors import AlinkError

_E_MEMBER = const(71)
_E_TOO_MANY = const(72)
_E_FLASH = const(81)
_E_NO_SPACE = const(83)

_DEPTH_MAX = const(8)
_FOLDER = const(0x4000)  # in the type that ilistdir() and stat() give
_ENOSPC = const(28)
_ENOENT = const(2)


class Tree:
    """The directory `root` (str, absolute) while it is being filled.

    max_size: bytes of all files together. max_members: files and directories, those that only a
    path names included, and headers. name_max: bytes of a path within it. Attributes size, members
    (int): what is in it.
    """

    def __init__(self, root, max_size, max_members, name_max):
        self.root = root
        self.size = 0
        self.members = 0
        self._max_size = max_size
        self._max_members = max_members
        self._name_max = name_max
        self._made = None  # paths since mark()
        self._marked = (0, 0)
        self._out = None
        self._name = ""
        self._left = 0

    def folder(self, name):
        """Make the directory `name` (str) and those above it. Raises AlinkError, see create()."""
        self.count()
        self._folders(self._parts(name.rstrip("/") if name != "/" else name), name, True)

    def create(self, name, size):
        """Begin the file `name` (str) of `size` bytes, making the directories above it.

        Raises AlinkError: MEMBER for a name that is not allowed or is there already, TOO_MANY for
        more than the limits, NO_SPACE, FLASH.
        """
        parts = self._parts(name)
        if not parts:
            raise AlinkError(_E_MEMBER, "no name")
        self.count()
        self.size += size
        if self.size > self._max_size:
            raise AlinkError(_E_TOO_MANY, "over %d bytes" % self._max_size)
        self._folders(parts[:-1], name)
        path = self.root + "/" + "/".join(parts)
        if _kind(path) is not None:
            raise AlinkError(_E_MEMBER, "twice: " + name[-40:])
        self._room(size)
        self._name = path
        self._left = size
        if self._made is not None:
            self._made.append(path)
        try:
            self._out = open(path, "wb")  # noqa: SIM115
        except OSError as e:
            raise failure(e, name) from None

    def write(self, buf, n):
        """Add buf[:n] to the file. Raises AlinkError NO_SPACE, FLASH; MEMBER beyond its size."""
        self._left -= n
        if self._left < 0:
            raise AlinkError(_E_MEMBER, "longer than told: " + self._name[-40:])
        try:
            count = self._out.write(buf, n)
        except OSError as e:
            raise failure(e, self._name) from None
        if count != n:
            raise AlinkError(_E_NO_SPACE, self._name[-40:])

    def close(self):
        """The file is complete, and in flash then."""
        out = self._out
        self._out = None
        try:
            out.close()
        except OSError as e:
            raise failure(e, self._name) from None
        if self._left:
            raise AlinkError(_E_MEMBER, "shorter than told: " + self._name[-40:])

    def mark(self):
        """Remember what there is: undo_step() goes back to it."""
        self._marked = (self.size, self.members)
        self._made = []

    def undo_step(self):
        """Remove one file that came after mark(); False once none is left."""
        if not self._made:
            self.size, self.members = self._marked
            return False
        path = self._made.pop()
        if _kind(path) is not None:
            try:
                os.remove(path)
            except OSError as e:
                raise failure(e, path) from None
        return True

    def drop(self):
        """Let go of a file that is not complete."""
        if self._out is not None:
            try:
                self._out.close()
            except OSError:
                self._left = 0  # it goes with the rest of the directory
            self._out = None

    def count(self):
        """One more of what there may be max_members of. Raises AlinkError(TOO_MANY)."""
        self.members += 1
        if self.members > self._max_members:
            raise AlinkError(_E_TOO_MANY, "over %d members" % self._max_members)

    def _parts(self, name):
        # -> the path's parts; none of "./" itself
        if name.startswith("./"):
            name = name[2:]
        if name in ("", "."):
            return []
        if len(name.encode()) > self._name_max:
            raise AlinkError(_E_MEMBER, "name over %d bytes" % self._name_max)
        parts = name.split("/")
        for part in parts:
            if part in ("", ".", "..") or any(byte < 32 for byte in part.encode()):
                raise AlinkError(_E_MEMBER, "path %r" % name[:40])
        if len(parts) > _DEPTH_MAX:
            raise AlinkError(_E_MEMBER, "more than %d levels" % _DEPTH_MAX)
        return parts

    def _folders(self, parts, name, counted=False):
        # counted: the last of them has been
        path = self.root
        for i in range(len(parts)):
            path += "/" + parts[i]
            kind = _kind(path)
            if kind is None:
                if not counted or i + 1 < len(parts):
                    self.count()
                make_folder(path)
            elif kind != _FOLDER:
                raise AlinkError(_E_MEMBER, "file and directory: " + name[-40:])

    def _room(self, size):
        stat = os.statvfs(self.root)
        block = stat[0]
        free = stat[3] * block
        # A file below a block may find room in its directory: of that the write decides.
        if size >= block and size + block > free:
            raise AlinkError(_E_NO_SPACE, "%d bytes, %d free" % (size, free))


def make_folders(path):
    """Make a directory (str, absolute) and those above it. Raises AlinkError NO_SPACE or FLASH."""
    at = path.find("/", 1)
    while at > 0:
        if _kind(path[:at]) is None:
            make_folder(path[:at])
        at = path.find("/", at + 1)
    if _kind(path) is None:
        make_folder(path)


def make_folder(path):
    """Make a directory. Raises AlinkError NO_SPACE or FLASH."""
    try:
        os.mkdir(path)
    except OSError as e:
        raise failure(e, path) from None


def failure(error, name):
    """The AlinkError for an OSError of the file system."""
    if error.errno == _ENOSPC:
        return AlinkError(_E_NO_SPACE, name[-40:])
    return AlinkError(_E_FLASH, "%s: %s" % (name[-40:], error))


def _kind(path):
    try:
        return os.stat(path)[0] & 0xF000
    except OSError as e:
        if e.errno != _ENOENT:
            raise failure(e, path) from None
        return None


def erase_step(root):
    """Remove one file or empty directory of what is below `root`, at last `root` itself.

    False once there is nothing. Raises AlinkError(FLASH).
    """
    path = root
    try:
        while True:
            first = None
            # To its end, so that the directory is not left open.
            for entry in os.ilistdir(path):
                if first is None:
                    first = entry
            if first is None:
                os.rmdir(path)
                return True
            path += "/" + first[0]
            if first[1] != _FOLDER:
                os.remove(path)
                return True
    except OSError as e:
        if path == root and e.errno == _ENOENT:
            return False
        raise failure(e, path) from None
