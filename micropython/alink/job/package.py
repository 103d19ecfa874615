# What the head of a package (.alp) says. MIT licence.
#
# docs/package.md is the format. Loaded when a download begins with its magic; what follows is in
# origin.py, then in unpack.py or patch.py. While a package is unpacked, the download's block is
# for what comes out of it. What comes in goes by the KiB into a ring, and from there, 256 bytes at
# a time, through the inflater.

import binascii
import hashlib

import esp32
from micropython import RingIO, const

from .. import log, parts
from ..errors import AlinkError

_E_JOB_FORM = const(20)
_E_JOB_DIFF = const(24)
_E_OTHER_SOURCE = const(33)
_E_PACKAGE = const(73)

_MAGIC = b"\x89ALP"
_HEAD = const(80)
_COMPRESSED = const(1)
_DIFFERENCE = const(2)

_BLOCK = const(4096)
_PART = const(1024)
_PIECE = const(256)  # of what comes out, and of what is hashed at once
_RING = const(1536)  # six of them: see unpack.py

_CHECK = const(9)


class Packed:
    """What a download holds of its package. Has no code of its own, as it outlives this module."""


def turn(download):
    """The first KiB has come, and it may begin a package: get ready to unpack it. Returns 0.

    If it is none, first.py goes on. Raises AlinkError: JOB_DIFF when it should be one, JOB_FORM
    for a format of later days, PACKAGE for a head that says what cannot be, and what
    Target.begin() raises for an image of that size.
    """
    block = download.block
    target = download.target
    size = min(download.size, _PART)
    if not target.packs or block[:4] != _MAGIC:
        if download.file.diff:
            raise AlinkError(_E_JOB_DIFF)
        download.early = "job.first"
        return 0
    if size > 4 and block[4] != 1:
        raise AlinkError(_E_JOB_FORM, "package format %d" % block[4])
    kind = block[5]
    bits = block[6]
    image = _number(block, 8)
    source = _number(block, 44)
    if (
        size < _HEAD + 2
        or kind not in (_COMPRESSED, _DIFFERENCE)
        or not 10 <= bits <= 12
        or block[7]
        or not image
        or (kind == _COMPRESSED and (source or block[48:_HEAD] != bytes(32)))
        or (kind == _DIFFERENCE and not source)
        or block[_HEAD] != (bits - 8) << 4 | 8
        or block[_HEAD + 1] & 0x20  # a dictionary
    ):
        raise AlinkError(_E_PACKAGE, "its head")
    digest = bytes(block[12:44])
    download.mover = None
    parts.drop("job.moving")
    target.begin(image, "sha256", digest, block)
    parts.drop("job.slot_begin")
    target.holds = (image, "sha256", digest)
    log.info("a package of an image of %d bytes" % image)
    packed = _empty()
    memory = bytearray(_RING)
    packed.ring = RingIO(memory)
    view = memoryview(memory)
    packed.views = [view[at : at + _PIECE] for at in range(0, _RING, _PIECE)]
    view = memoryview(block)
    packed.pieces = [view[at : at + _PIECE] for at in range(0, _BLOCK, _PIECE)]
    download.digest.update(view[:_HEAD])
    packed.ring.write(view[_HEAD:size])
    # hashed: bytes of what went into the ring. tail: the last of them, less than a piece.
    packed.hashed = 0
    behind = download.size - _HEAD
    at = behind // _PIECE * _PIECE % _RING
    packed.tail = memoryview(memory)[at : at + behind % _PIECE]
    # size: of the image. filled: bytes of it that are in the block. again: bytes of the package
    # that come a second time. kept: the block is in flash, see set_aside().
    packed.size = image
    packed.digest = hashlib.sha256()  # of what is in the slot
    packed.end = view[: image % _BLOCK or _BLOCK]  # of the block, for the last of them
    packed.filled = packed.again = 0
    packed.kept = False
    packed.inflate = None
    packed.window = bits
    packed.one = memoryview(bytearray(1))
    packed.code = "job.unpack" if kind == _COMPRESSED else "job.patch"
    # source: of a difference, its size; wanted, found: its digest. checked: how much of it has
    # been hashed.
    packed.source = source
    packed.checked = 0
    if source:
        packed.wanted = bytes(block[48:_HEAD])
        packed.found = hashlib.sha256()
        packed.part = esp32.Partition(esp32.Partition.RUNNING)
        packed.last = packed.part.info()[3] - _PIECE
        if source > packed.last + _PIECE:
            refuse(packed)
        # got: what is inflated, then added to `theirs`, of the source, by add(). ring out: until a
        # piece is whole. left: bytes of the operation `op` that are to come. at: in the source.
        # number, shift: as far as it has come. seeks: in a row.
        # (Neither outlives what else comes into `spare`: what is read of the package, and what the
        # slot holds.)
        packed.got = download.spare[_PIECE : 2 * _PIECE]
        packed.theirs = download.spare[:_PIECE]
        try:
            packed.add = _adder("job.viper")
        except (ImportError, ValueError, MemoryError) as e:
            # Not in this image; for another processor, or for another version of MicroPython; or
            # there is no memory for machine code.
            log.debug("sums in bytecode:", e)
            packed.add = _adder("job.add")
        packed.out = RingIO(_PIECE)
        packed.doing = packed.left = packed.at = packed.number = packed.shifts = packed.seeks = 0
    download.packed = packed
    download.offset = size
    download.at = 0
    download.next = download.size  # there are no checkpoints
    if download.file.stream is not None:
        download.source.block = download.spare  # the block is not free while a header comes
    download.early = "job.origin"
    download.state = _CHECK
    return 0


def refuse(packed):
    """What runs is not its source: raises AlinkError OTHER_SOURCE."""
    made = binascii.hexlify(packed.wanted[:4]).decode()
    raise AlinkError(_E_OTHER_SOURCE, "made from %d bytes, sha256 %s.." % (packed.source, made))


def _adder(name):
    # Once a download, not with each connection: no firmware gives back the memory of machine code
    # before a reset. The function outlives its module, of which it needs nothing.
    try:
        return parts.use(name).add
    finally:
        parts.drop(name)


def _empty():
    return Packed()  # (Who checks types is not told that it has nothing yet.)


def _number(block, at):
    return int.from_bytes(block[at : at + 4], "little")
