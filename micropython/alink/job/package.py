# What the head of a package (.alp) says, and whether its source is what runs. MIT licence.
#
# docs/package.md is the format. Loaded when a download begins with its magic, and let go before
# its bytes move (unpack.py, patch.py); nothing is erased until all of this is settled. While a
# package is unpacked, the download's block is for what comes out of it. What comes in goes by the
# KiB into a ring, and from there, 256 bytes at a time, through the inflater.

import binascii
import hashlib
import time

import deflate
import esp32
from micropython import RingIO, const

from .. import log, parts
from ..errors import AlinkError

_E_JOB_FORM = const(20)
_E_JOB_DIFF = const(24)
_E_OTHER_SOURCE = const(33)
_E_FLASH = const(81)
_E_PACKAGE = const(73)

_MAGIC = b"\x89ALP"
_HEAD = const(80)
_COMPRESSED = const(1)
_DIFFERENCE = const(2)

_BLOCK = const(4096)
_PART = const(1024)
_PIECE = const(256)  # of what comes out, and of what is hashed at once
_RING = const(1536)  # six of them: see unpack.py
_AT_ONCE = const(4)  # blocks of the source hashed in one step

_READY = const(7)
_MOVE = const(8)
_CHECK = const(9)


class Packed:
    """What a download holds of its package. Has no code of its own, as it outlives this module."""


def take(download):
    """The first KiB has come, and it may begin a package: get ready to unpack it.

    Nothing happens if it is none. Raises AlinkError: JOB_DIFF when it should be one, JOB_FORM for
    a format of later days, PACKAGE for a head that says what cannot be, and what Target.begin()
    raises for an image of that size.
    """
    block = download.block
    target = download.target
    size = min(download.size, _PART)
    if not target.packs or block[:4] != _MAGIC:
        if download.file.diff:
            raise AlinkError(_E_JOB_DIFF)
        return
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
    target.begin(image, "sha256", digest, block)
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
    # that come a second time. kept: the block is in flash, see keep().
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
            _refuse(packed)
        # got: what is inflated, then added to `old`, of the source. ring out: until a piece is
        # whole. left: bytes of the operation `op` that are to come. at: in the source. number,
        # shift: as far as it has come. seeks: in a row.
        packed.got = bytearray(_PIECE)
        packed.theirs = download.spare[:_PIECE]
        packed.out = RingIO(_PIECE)
        packed.doing = packed.left = packed.at = packed.number = packed.shifts = packed.seeks = 0
    download.packed = packed
    download.offset = size
    download.at = 0
    download.next = download.size  # there are no checkpoints
    if download.file.stream is not None:
        download.source.block = download.spare  # the block is not free while a header comes
    download.mover = None
    parts.drop("job.moving")
    download.mover = parts.use(packed.code)
    download.state = _CHECK


def check(download):
    """One bounded step: a few blocks of the source hashed; in the end the first block is made.

    Raises AlinkError: OTHER_SOURCE, PACKAGE, FLASH, what Target.look() raises; as unpack.feed().
    """
    packed = download.packed
    if packed.checked < packed.source:
        _hash(packed, download.block)
        download.last = time.ticks_ms()  # what came meanwhile has waited
        return
    mover = download.mover
    if packed.inflate is None:
        if not mover.feed(download):
            return
        packed.inflate = deflate.DeflateIO(packed.ring, deflate.ZLIB, packed.window)
    if mover.fill(download):
        download.target.look(download.block, packed.size)
        download.state = _READY


def _hash(packed, block):
    for _ in range(_AT_ONCE):
        n = min(packed.source - packed.checked, _BLOCK)
        try:
            packed.part.readblocks(packed.checked // _BLOCK, block, 0)
        except OSError as e:
            raise AlinkError(_E_FLASH, "reading what runs: %s" % e) from None
        packed.found.update(block if n == _BLOCK else memoryview(block)[:n])
        packed.checked += n
        if packed.checked == packed.source:
            if packed.found.digest() != packed.wanted:
                _refuse(packed)
            packed.found = packed.wanted = None
            return


def _refuse(packed):
    made = binascii.hexlify(packed.wanted[:4]).decode()
    raise AlinkError(_E_OTHER_SOURCE, "made from %d bytes, sha256 %s.." % (packed.source, made))


def _empty():
    return Packed()  # (Who checks types is not told that it has nothing yet.)


def _number(block, at):
    return int.from_bytes(block[at : at + 4], "little")


def finish(download):
    """All has come: write the last block, if this is the image that the head tells of.

    Raises AlinkError: PACKAGE, FLASH.
    """
    packed = download.packed
    packed.digest.update(packed.end)
    if packed.digest.digest() != download.target.digest:
        raise AlinkError(_E_PACKAGE, "not the image that its head tells of")
    download.target.write(download.block, len(packed.end))


def keep(download):
    """Before a connection is opened, which needs the block: what is in it goes to its own place in
    flash, where nothing boots before all is there. Raises AlinkError FLASH.

    Not with the first block, which nobody has looked at: all begins again.
    """
    packed = download.packed
    download.mover = None
    parts.drop("job.unpack", "job.patch", "job.add")
    if packed.filled and not packed.kept:
        if not download.target.at:
            parts.ask("job.checkpoint", "restart", download, "no block was whole")
            return
        _flash(download, "writeblocks")
        packed.kept = True


def resume(download):
    """The connection is open again: what was in the block is there again."""
    packed = download.packed
    if packed.kept:
        _flash(download, "readblocks")
        packed.kept = False
    download.state = _MOVE if download.target.at else _CHECK


def _flash(download, name):
    target = download.target
    at = target.at // _BLOCK
    try:
        getattr(target.part, name)(at, download.block)
    except OSError as e:
        target.fault(at, e)
