"""Files on the board's own file system, put there or read from the desk while it is off.

The file system is the LittleFS that MicroPython makes in the `vfs` partition: 4096-byte blocks,
32-byte reads and writes. It is made with disk version 2.0, which every MicroPython reads; a
program that writes to it may raise that to 2.1.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from contextlib import contextmanager

from littlefs import LittleFS, LittleFSError, UserContext

from tools.chip import table
from tools.chip.nor import SECTOR
from tools.sim.flash import Flash

_OLD_VERSION = 0x00020000
_NEWEST_VERSION = 0  # whatever littlefs-python knows


class _FlashBlocks(UserContext):
    """A partition of the flash file as littlefs-python's block device."""

    def __init__(self, flash: Flash, entry: table.Entry) -> None:
        self._flash, self._base = flash, entry.address

    def read(self, cfg: object, block: int, off: int, size: int) -> bytearray:
        return bytearray(self._flash.read(self._base + block * SECTOR + off, size))

    def prog(self, cfg: object, block: int, off: int, data: bytes) -> int:
        self._flash.program(self._base + block * SECTOR + off, bytes(data))
        return 0

    def erase(self, cfg: object, block: int) -> int:
        self._flash.erase(self._base + block * SECTOR)
        return 0

    def sync(self, cfg: object) -> int:
        return 0


def _open(flash: Flash, entry: table.Entry, version: int) -> LittleFS:
    return LittleFS(
        context=_FlashBlocks(flash, entry),
        mount=False,
        block_size=SECTOR,
        block_count=entry.size // SECTOR,
        read_size=32,
        prog_size=32,
        cache_size=128,
        lookahead_size=32,
        disk_version=version,
    )


def _mount(flash: Flash, entry: table.Entry) -> LittleFS:
    for version in (_OLD_VERSION, _NEWEST_VERSION):
        fs = _open(flash, entry, version)
        try:
            fs.mount()
            return fs
        except LittleFSError:
            continue  # raised to 2.1 by the program, or not a file system
    if flash.read(entry.address, SECTOR) != b"\xff" * SECTOR:
        raise ValueError(f"partition {entry.label}: what is there is not a LittleFS that mounts")
    fs = _open(flash, entry, _OLD_VERSION)
    fs.format()
    fs.mount()
    return fs


@contextmanager
def mounted(flash: Flash, entry: table.Entry) -> Iterator[LittleFS]:
    """The mounted file system of a partition; a blank one is formatted, ValueError for junk."""
    fs = _mount(flash, entry)
    try:
        yield fs
    finally:
        fs.unmount()


def write_file(flash: Flash, entry: table.Entry, path: str, data: bytes) -> None:
    """Write a file, with the folders above it."""
    with mounted(flash, entry) as fs:
        folder = posixpath.dirname(path)
        if folder not in ("", "/"):
            fs.makedirs(folder, exist_ok=True)
        with fs.open(path, "wb") as file:
            file.write(data)


def read_file(flash: Flash, entry: table.Entry, path: str) -> bytes:
    """Content of a file; FileNotFoundError when there is none."""
    with mounted(flash, entry) as fs, fs.open(path, "rb") as file:
        return bytes(file.read())


def remove_file(flash: Flash, entry: table.Entry, path: str) -> None:
    """Remove a file; FileNotFoundError when there is none."""
    with mounted(flash, entry) as fs:
        fs.remove(path)


def list_files(flash: Flash, entry: table.Entry) -> list[str]:
    """Absolute paths of every file."""
    with mounted(flash, entry) as fs:
        return sorted(
            posixpath.join(root, name) for root, _, names in fs.walk("/") for name in names
        )
