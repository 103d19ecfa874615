# What a slot holds of the package that it is filled from. MIT licence.
#
# Loaded once its head has been looked at. It all stands in the Slot itself, since an object of its
# own would cost 300 bytes: Download.packed is the target, while a package comes. The download's
# block is for what comes out of it then, and the memory of the download's ring for one of the
# package's own and for its pieces: what comes in goes into that ring, and from there, a piece at a
# time, through the inflater.

import hashlib

import deflate
import esp32
from micropython import RingIO, const

from .. import log, parts

_HEAD = const(80)
_PART = const(512)  # the ring, and what is behind it
_HALF = const(256)
_INSERT = const(2)  # of a difference's operations: see unpack.py


def turn(download):
    """Make all that a package needs; its head is in the block, and is right. Returns 0."""
    packed = download.packed = download.target
    block = download.block
    size = min(download.size, _PART)
    # view: the memory of the ring. tail: of that, what will be hashed at the end. (Attributes that
    # are there, see checkpoint.py: how many a Slot has decides how much each of them takes.)
    download.view = memoryview(download.spare)[:_PART]
    packed.ring = RingIO(download.view)
    download.tail = download.view[: (download.size - _HEAD) % _PART]
    view = memoryview(block)
    packed.ring.write(view[_HEAD:size])
    download.digest.update(view[:_HEAD])
    if size == download.size:
        download.digest.update(download.tail)
    packed.inflate = deflate.DeflateIO(packed.ring, deflate.ZLIB, block[6])
    # spare: for what is read, then for what is inflated, then for what the slot holds.
    packed.spare = parts.ask("job.buffers", "alias", download.spare, _PART, _PART)
    if download.file.stream is not None:
        download.source.block = packed.spare  # the block is not free while a header comes
    # filled: bytes of the image that are in the block. again: bytes of the package that come a
    # second time; below 0 the block is in flash, see aside.set_aside().
    packed.filled = packed.again = download.at = 0
    parts.ask("job.aside", "around", packed, block)
    # found: of a difference, the hash of what has been read of its source; then of what is in the
    # slot.
    packed.found = hashlib.sha256()
    download.offset = size
    download.next = download.size  # there are no checkpoints
    # todo: number of the operation that is done, less what of it has been done; below 0: so many
    # SEEK in a row.
    source = int.from_bytes(block[44:48], "little")
    if source:
        download.early = "job.origin"
        packed.todo = packed.place = 0
        _differs(packed, source, block)
    else:
        download.early = "job.unpack"
        packed.todo = packed.size << 2 | _INSERT
    return 0


def _differs(packed, source, block):
    # source: its size. theirs: bytes of it, to be added to `spare` by add(); before that, the
    # digest that it should have. mine: its flash partition; end: of that. place: in the source.
    packed.source = source
    packed.theirs = memoryview(packed.spare)[_HALF:]
    packed.theirs[:32] = block[48:_HEAD]
    packed.mine = esp32.Partition(esp32.Partition.RUNNING)
    packed.end = packed.mine.info()[3]
    try:
        packed.add = _adder("viper")
    except (ImportError, ValueError, MemoryError) as e:
        # Not in this image; for another processor, or for another version of MicroPython; or
        # there is no memory for machine code.
        log.debug("sums in bytecode:", e)
        packed.add = _adder("job.add")


def _adder(name):
    # Once a download, not with each connection: no firmware gives back the memory of machine code
    # before a reset. The function outlives its module, of which it needs nothing.
    try:
        return parts.use(name).add
    finally:
        parts.drop(name)
