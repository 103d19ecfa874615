"""The read-only LittleFS volume behind the image: making, finding and reading it.

Disk version 2.0, so that every LittleFS 2 of the last years mounts it, and small blocks, since
every file ends with a partly empty one. The device needs only the first bytes to mount it: the
magic at offset 8, then version, block size and block count of the superblock (little-endian u32 at
20, 24 and 28).

On the device every read of it is a call into Python (boot.py's AppVolume), so they are counted:
a block is read whole, and what is in it is worth it (see littlefs.py).
"""

import logging
import struct
from dataclasses import dataclass
from pathlib import PurePosixPath

from littlefs import LittleFS, LittleFSError, UserContext, lfs

from tools.chip.header import parse_image, round_up
from tools.cli import Refused
from tools.images.littlefs import DISK_VERSION, packed_volume

BLOCK_SIZE = 512  # half the reads of 256 for 5 % more bytes; 1024 takes 15 % more
BLOCK_SIZES = (256, 512, 1024, 2048, 4096)
MAGIC = b"littlefs"
MAGIC_OFFSET = 8
# MicroPython's own cache, which the board's file system has (exact_volume); for the volume boot.py
# asks for a larger one. A reader holds an inline file in one cache, so a file must never be inline
# here and too long for the cache over there: littlefs.py goes up to 112 bytes.
DEVICE_CACHE = 128
# No space; and that is also what "name too long" means once names have been checked: the entry
# did not fit into the blocks that were left.
FULL = (-28, -36)

# littlefs-python formats a debug message for every read, even when nobody listens.
logging.getLogger("littlefs.context").setLevel(logging.WARNING)


@dataclass(frozen=True)
class Volume:
    """Where a volume lies in a file: offset of its first byte, and its superblock's figures."""

    offset: int
    version: int
    block_size: int
    block_count: int

    @property
    def size(self) -> int:
        """Bytes of the volume."""
        return self.block_size * self.block_count


def make_volume(files: dict[str, bytes], block_size: int = BLOCK_SIZE) -> bytes:
    """The smallest volume that holds `files` (absolute POSIX path -> content).

    The same files give the same bytes. Raises Refused for a block size that is not offered and
    for a name that LittleFS does not take.
    """
    if block_size not in BLOCK_SIZES:
        offered = ", ".join(map(str, BLOCK_SIZES))
        raise Refused(f"block size {block_size} is not offered", f"Use one of {offered}.")
    # An entry has to fit into half a block; LittleFS ends the process where a name does not.
    longest = min(255, block_size // 4)
    for path in files:
        for name in PurePosixPath(path).parts[1:]:
            if len(name.encode()) > longest:
                raise Refused(
                    f"the name {name!r} has more than {longest} bytes",
                    "Shorten it, or use larger blocks: --block-size 1024 takes 255 bytes.",
                )
    data = packed_volume(files, block_size)
    # A volume that LittleFS does not read back is a bug here: say so at once.
    if read_files(data) != files:
        raise AssertionError(f"a volume of {len(data)} bytes reads back wrong")
    return data


def exact_volume(files: dict[str, bytes], block_size: int, block_count: int) -> bytes | None:
    """A file system of exactly this many blocks, made by LittleFS itself, to be written to later.

    None when it is too small for the files.
    """
    context = UserContext(block_size * block_count)
    fs = _file_system(context, block_size, block_count)
    made: set[str] = set()
    try:
        fs.format()
        fs.mount()
        for path in sorted(files):
            for folder in map(str, reversed(PurePosixPath(path).parents[:-1])):
                if folder not in made:
                    made.add(folder)
                    fs.mkdir(folder)
            # Not fs.open(): its buffered file closes twice after a full volume, and LittleFS
            # ends the process then.
            handle = lfs.file_open(fs.fs, path, "wb")
            try:
                lfs.file_write(fs.fs, handle, files[path])
            finally:
                lfs.file_close(fs.fs, handle)
        fs.unmount()
    except LittleFSError as exc:
        if exc.code in FULL:
            return None
        raise Refused(
            f"LittleFS does not take the application's files: {exc}",
            "Look for file names with unusual characters.",
        ) from None
    data = bytes(context.buffer)
    # A volume that does not read back is a bug, not a matter of size: say so at once.
    if read_files(data) != files:
        raise AssertionError(f"a volume of {block_count} x {block_size} bytes reads back wrong")
    return data


def find_volume(data: bytes) -> Volume | None:
    """The volume behind the app image at the start of `data`, or None.

    Looks only where a device looks, and only at the superblock: a volume may be found that is
    truncated or damaged inside (read_files() tells).
    """
    end = parse_image(data).end
    if not end:
        return None
    return _superblock(data, round_up(end))


def _superblock(data: bytes, start: int) -> Volume | None:
    magic = start + MAGIC_OFFSET
    if data[magic : magic + len(MAGIC)] != MAGIC or len(data) < start + 32:
        return None
    version, block_size, block_count = struct.unpack_from("<III", data, start + 20)
    return Volume(start, version, block_size, block_count)


def read_files(data: bytes) -> dict[str, bytes]:
    """Every file of the volume at the start of `data`: absolute path -> content, sorted.

    Raises Refused when it is not a whole, readable volume.
    """
    damaged = "The file was changed or damaged: build it, or download it, again."
    found = _superblock(data, 0)
    if found is None:
        raise Refused("there is no LittleFS volume", damaged)
    # Checked here because LittleFS itself ends the process on a figure it did not expect.
    if found.block_size not in BLOCK_SIZES or not 2 <= found.block_count < 1 << 20:
        raise Refused("the volume has impossible block figures", damaged)
    if found.size > len(data):
        raise Refused(
            f"the volume is truncated: it has {found.size} bytes, here are {len(data)}", damaged
        )
    context = UserContext(buffer=bytearray(data[: found.size]))
    fs = _file_system(context, found.block_size, found.block_count)
    files: dict[str, bytes] = {}
    try:
        fs.mount()
        for folder, _, names in fs.walk("/"):
            for name in names:
                path = str(PurePosixPath("/", folder, name))
                files[path] = _read(fs, path, found.size)
        fs.unmount()
    except (LittleFSError, ValueError) as exc:
        raise Refused(f"the volume cannot be read: {exc}", damaged) from None
    return dict(sorted(files.items()))


def _read(fs: LittleFS, path: str, limit: int) -> bytes:
    """A file's content; ValueError for a length that only damage explains."""
    handle = lfs.file_open(fs.fs, path, "rb")
    try:
        size = lfs.file_size(fs.fs, handle)
        if size > limit:
            raise ValueError(f"{path} claims {size} bytes")
        return bytes(lfs.file_read(fs.fs, handle, size))
    finally:
        lfs.file_close(fs.fs, handle)


def _file_system(context: UserContext, block_size: int, block_count: int) -> LittleFS:
    """An unmounted file system over `context`, configured as the device will read it."""
    return LittleFS(
        context=context,
        mount=False,
        block_size=block_size,
        block_count=block_count,
        read_size=32,
        prog_size=32,
        cache_size=DEVICE_CACHE,
        lookahead_size=8 * -(-block_count // 64),
        disk_version=DISK_VERSION,
        block_cycles=-1,  # nothing is moved for wear: this volume is written once
    )
