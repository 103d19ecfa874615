# FilesTarget: a set of files on the board's own file system, as the target of a module.
# MIT licence.
#
# Two directories, `a` and `b`, hold the set that is current and the one that is coming (or was);
# the small file `current` says which and of which version. It is written last and exchanged by a
# rename, which LittleFS does whole or not at all: it never names a set that is not complete and
# verified. After a reset in the middle the next try begins with its first byte.
#
# This is all of it that an idle board holds. What makes a set is loaded for a job: unpack.py.

import os

from .. import parts, target

target.keep = True  # type: ignore[attr-defined]
# a job for the slot is no reason to load it anew: it would be another one


class FilesTarget(target.Target):
    """A set of files below `folder`: what a module's update brings, all of it or nothing.

    folder: str, absolute, for this target alone, on LittleFS (MicroPython's own on the ESP32; FAT
    cannot rename over a file). max_size: bytes of all files together.
    wbits: the largest window of a gzip archive is 2 ** wbits bytes of RAM (9..15; what other tools
    make needs 15; tools/image.py files takes 12, and says so in the archive: then no more is
    taken). max_members: files and directories. name_max: bytes of a path in the set.

    Attributes: path (str, the directory of the current set, or None before the first update),
    version (str or None). Read `path` anew each time: an update changes it.

    A single download is a tar archive, plain or gzip. Of a package with several files those named
    .tar, .tar.gz or .tgz are unpacked, others are stored under their names; all go into one set.
    Links, devices, names that lead out of the folder or come twice, and GNU's and pax' long names
    are refused.

    RAM from take() to drop(): 8 KB and 2 ** wbits + 2 KB for a gzip archive (6 KB for one of
    tools/image.py), beside the code.
    """

    def __init__(self, folder, max_size=262144, *, wbits=15, max_members=256, name_max=100):
        self.path = None
        self.version = None
        self._folder = folder.rstrip("/")
        self._limits = (max_size, max_members, name_max, wbits)
        self._side = ""
        self._job = None  # the unpack.Unpacking of the set that is made
        self._before = None  # what activate() replaced
        try:
            with open(self._folder + "/current", "rb") as f:
                side, _, version = f.read(80).decode().strip().partition(" ")
            path = self._folder + "/" + side
            if side in ("a", "b") and version and os.stat(path)[0] & 0x4000:
                self.path = path
                self.version = version
                self._side = side
        except (OSError, ValueError):
            pass  # none yet

    def take(self, version, index, name, count):
        """The next download is file `index` (0, 1, ...) of the set `version`, named `name`."""
        if index == 0:
            self.drop()
            side = "b" if self._side == "a" else "a"
            self._job = parts.use("files.unpack").Unpacking(
                self._folder, side, version, self._limits
            )
        self._job.take(index, name)

    def begin(self, size, method, digest, block):
        """Get ready for the first byte of the download, also for another time.

        size: int, bytes. The digest is checked by who downloads. Raises AlinkError(TOO_MANY).
        """
        self._job.begin(size)

    def work(self):
        """Do one bounded part of what waits: a file removed, or 1 KiB unpacked.

        True while write() has to wait. Raises AlinkError ARCHIVE, MEMBER, TOO_MANY, NO_SPACE,
        FLASH.
        """
        return self._job.work()

    def write(self, block, n):
        """Take block[:n]; work() has returned False. Raises AlinkError, see Tree.create()."""
        self._job.write(block, n)

    def finish(self):
        """Unpack 1 KiB of the rest; True once all of the download is in flash.

        Call it until it returns True. Raises AlinkError, see work().
        """
        return self._job.finish()

    def activate(self):
        """Make the new set the current one, for this run: confirm() makes it stay."""
        job = self._job
        self._before = (self._side, self.path, self.version)
        self._side = job.side
        self.path = job.root
        self.version = job.version

    def confirm(self):
        """The new set stays the current one over a reset. Raises AlinkError NO_SPACE or FLASH."""
        self._job.store()
        self._before = None

    def revert(self):
        """The set that was current before activate() is current again."""
        self._side, self.path, self.version = self._before
        self._before = None

    def drop(self):
        """The job is over: let go of what was loaded for it, and of its memory."""
        if self._job is not None:
            self._job.close()
            self._job = None
            for name in ("unpack", "tree", "untar"):
                parts.drop("files." + name)
