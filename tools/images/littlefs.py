"""A LittleFS that is written once and read by a small board: as few bytes and reads as it goes.

LittleFS itself keeps a log in each directory and splits it when half a block is full, which makes
six or more reads of every look-up. Here a directory is one commit in one block (more where it does
not fit), and files lie one behind the other.

Everything is by LittleFS' own description of its format (SPEC.md), disk version 2.0: a metadata
block is a revision count and tags, each XORed with the one before, closed by a CRC; a file is a
list of blocks whose beginnings point back (CTZ skip-list).

One thing is not: a directory has a pair of blocks, of which the newer counts and the other is for
the next write. No write ever comes here (boot.py's AppVolume refuses it), so both of a pair are
one block: a reader, which looks at both to find the newer, has it in its cache the second time.
The root's are two, as they have to be.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

DISK_VERSION = 0x00020000
INLINE_MAX = 112  # bytes of a file that stands in its directory: below every device's cache

_FILE, _FOLDER, _SUPERBLOCK = 0x001, 0x002, 0x0FF
_PAIR_STRUCT, _INLINE_STRUCT, _CTZ_STRUCT = 0x200, 0x201, 0x202
_CRC, _SOFT_TAIL, _HARD_TAIL = 0x500, 0x600, 0x601
_NO_ID = 0x3FF

_NAME_MAX, _FILE_MAX, _ATTRIBUTE_MAX = 255, 2**31 - 1, 1022
_CLOSING = 4 + 8 + 12  # bytes of each metadata block: revision, CRC, tail
_SUPERBLOCK_SIZE = 4 + 8 + 4 + 24

_Tag = tuple[int, int, bytes]  # type, id, data
_Files = dict[str, bytes]


@dataclass
class _Folder:
    """A directory; `parts` are its entries' names, one list for each of its `blocks`."""

    entries: dict[bytes, bytes | _Folder] = field(default_factory=dict)
    parts: list[list[bytes]] = field(default_factory=list)
    blocks: list[int] = field(default_factory=list)

    def sorted(self) -> list[tuple[bytes, bytes | _Folder]]:
        """The entries in LittleFS' order: a name comes behind those that begin with it."""
        return sorted(self.entries.items(), key=lambda entry: (*entry[0], 256))

    def pair(self, part: int = 0) -> bytes:
        """Where a part of it lies, as others point to it."""
        return struct.pack("<II", self.blocks[part], self.blocks[part])


def packed_volume(files: _Files, block_size: int) -> bytes:
    """The volume with these files (absolute POSIX path -> content), every block of it in use."""
    root = _tree(files)
    folders = list(_all(root))
    used = 1  # block 0 has the superblock alone, an older revision of block 1
    for folder in folders:
        _split(folder, block_size - (_SUPERBLOCK_SIZE if folder is root else 0), block_size)
        folder.blocks = list(range(used, used + len(folder.parts)))
        used += len(folder.parts)
    blocks: dict[int, bytes] = {}
    structs: dict[tuple[int, bytes], tuple[int, bytes]] = {}
    for folder in folders:
        for name, entry in folder.sorted():
            if isinstance(entry, _Folder):
                struct_ = _PAIR_STRUCT, entry.pair()
            elif len(entry) <= INLINE_MAX:
                struct_ = _INLINE_STRUCT, entry
            else:
                chain = _chain(entry, block_size, used)
                blocks.update(chain)
                used += len(chain)
                struct_ = _CTZ_STRUCT, struct.pack("<II", used - 1, len(entry))
            structs[id(folder), name] = struct_
    figures = (DISK_VERSION, block_size, used, _NAME_MAX, _FILE_MAX, _ATTRIBUTE_MAX)
    head = [(_SUPERBLOCK, 0, b"littlefs"), (_INLINE_STRUCT, 0, struct.pack("<6I", *figures))]
    blocks[0] = _metadata(1, head)
    places = [(folder, part) for folder in folders for part in range(len(folder.parts))]
    for (folder, part), after in zip(places, [*places[1:], None], strict=True):
        tags = list(head) if folder is root and not part else []
        for number, name in enumerate(folder.parts[part], 1 if tags else 0):
            kind = _FOLDER if isinstance(folder.entries[name], _Folder) else _FILE
            shape, data = structs[id(folder), name]
            tags += [(kind, number, name), (shape, number, data)]
        if after is not None:
            tail = _HARD_TAIL if after[0] is folder else _SOFT_TAIL
            tags.append((tail, _NO_ID, after[0].pair(after[1])))
        blocks[folder.blocks[part]] = _metadata(2, tags)
    return b"".join(blocks.get(n, b"").ljust(block_size, b"\xff") for n in range(used))


def _tree(files: _Files) -> _Folder:
    root = _Folder()
    for path, content in files.items():
        *above, name = (part.encode() for part in PurePosixPath(path).parts[1:])
        folder = root
        for part in above:
            inner = folder.entries.setdefault(part, _Folder())
            assert isinstance(inner, _Folder), path
            folder = inner
        folder.entries[name] = content
    return root


def _all(folder: _Folder) -> Iterator[_Folder]:
    yield folder
    for _, entry in folder.sorted():
        if isinstance(entry, _Folder):
            yield from _all(entry)


def _split(folder: _Folder, first_size: int, block_size: int) -> None:
    """Deal the entries out to as few metadata blocks as hold them, in the order of names."""
    folder.parts = [[]]
    left = first_size - _CLOSING
    for name, entry in folder.sorted():
        size = 4 + len(name) + 4 + 8
        if isinstance(entry, bytes) and len(entry) <= INLINE_MAX:
            size += len(entry) - 8
        if size > left:
            folder.parts.append([])
            left = block_size - _CLOSING
        folder.parts[-1].append(name)
        left -= size


def _metadata(revision: int, tags: list[_Tag]) -> bytes:
    """A metadata block with one commit, without the erased rest of it."""
    block = struct.pack("<I", revision)
    before = 0xFFFFFFFF
    for kind, number, data in [*tags, (_CRC, _NO_ID, b"\0\0\0\0")]:
        tag = kind << 20 | number << 10 | len(data)
        block += struct.pack(">I", tag ^ before) + data
        before = tag
    block = block[:-4]
    return block + struct.pack("<I", zlib.crc32(block) ^ 0xFFFFFFFF)


def _chain(content: bytes, block_size: int, first: int) -> dict[int, bytes]:
    """A file's blocks from number `first` on: block i points back 1, 2, 4.. blocks, as often as
    2 divides i, and once more."""
    blocks: dict[int, bytes] = {}
    at = index = 0
    while at < len(content):
        number = first + index
        count = (index & -index).bit_length()
        pointers = b"".join(struct.pack("<I", number - (1 << n)) for n in range(count))
        end = at + block_size - len(pointers)
        blocks[number] = pointers + content[at:end]
        at, index = end, index + 1
    return blocks
