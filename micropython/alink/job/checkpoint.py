# What a new download has, where it begins, and where it goes on after a reset. MIT licence.
#
# Loaded when it begins. A checkpoint says in NVS how far which file had come. It is written
# behind the data it vouches for, and is a hint all the same: a digest cannot be saved, so what is
# in flash is hashed again after a reset, and counted on to be wrong.

import binascii
import hashlib
import time

from micropython import const

from .. import log, parts

_NOT_FOUND = const(-4354)  # ESP_ERR_NVS_NOT_FOUND

_BLOCK = const(4096)
_PART = const(1024)
_CHECKPOINT = const(61440)

_OPEN = const(1)
_RECALL = const(2)  # what is in the target already is hashed


def fill(one, nvs=None, config=None, block=None):
    """All that a new Download (fetch.py) has; for the arguments see there.

    block: bytearray of 4096, what moves at once. offset: int, bytes that are in the target and in
    the digest. waits: str, why nothing moves: "link" when the link has expired, "pause" before
    another try, "" else. link: the File whose link is used, None when it has expired; a newer one
    of the same file may be put there at any time.
    """
    one.block = bytearray(_BLOCK) if block is None else block
    one.view = None  # of what is read into: from each KiB on
    one.ring = one.spare = None  # see buffers.ring()
    one.nvs = nvs
    one.config = config
    one.mover = one.packed = one.source = one.target = one.link = None
    one.waits = ""
    # file: File. digest: of what is in the target. tail: view of the last, short block. work: the
    # target's, or None. mover: moving.py, or what moves of a package, while it is loaded. packed:
    # see packed.py. early: the part that makes the first block: first.py until it tells another.
    # doubt: what is wrong with bytes that are not vouched for yet: see retry.py.
    one.early = "job.first"
    one.file = one.digest = one.tail = None
    # at: bytes of the piece that are in place, whole KiB (of a package: see aside.py). next:
    # offset of the next checkpoint, or the end. kept: bytes of an earlier run that are trusted so
    # far. recall: bytes to be hashed out of the target. failed: tries in a row, at the offset
    # `seen`. links: fresh ones that may still be asked for.
    one.state = one.offset = one.size = one.at = one.next = one.kept = one.recall = 0
    one.failed = one.seen = one.links = 0
    # Ticks: of the last byte, or of the end of a pause; of the deadline. stall: ms.
    one.last = one.stop = one.stall = 0


def start(download, file, key, source, target):
    """Begin the download of a file from its first byte; nothing is fetched yet.

    download: Download. file: offer.File. key: str, the job's. source: Source, or None: it has to
    come before the first step, see states.begun(). target: Target. Raises AlinkError when the
    target refuses it (size, trial, no slot).
    """
    config = download.config or {}
    download.target = target
    if target.work is not None:
        download.work = target.work
    download.file = download.link = file
    download.size = size = file.size
    download.links = config.get("fresh_links", 2)
    download.stop = time.ticks_add(time.ticks_ms(), config.get("deadline_ms", 10800000))
    download.failed = download.seen = 0
    download.waits = ""
    if source is not None:
        source.block = download.block
        if source.config is not None:
            source._into = download
        download.source = source
        download.stall = stall(source)
    _begin(download, 0)
    if target.label is None:
        download.nvs = None  # it cannot be resumed; another's checkpoint is left alone
    nvs = download.nvs
    if nvs is None:
        return
    digest = binascii.hexlify(file.digest).decode()
    identity = "%s %d %s %s" % (key, size, digest, target.label)
    at = 0
    if _is_kept(nvs, identity):
        # The last block is fetched in any case: there is always something to ask the server for.
        at = min(max(_number(nvs), 0), size - 1) // _BLOCK * _BLOCK
    if at:
        log.info("%d bytes were fetched before: hashing them" % at)
        download.kept = download.recall = at
        download.state = _RECALL
    else:
        # One failure ends it: the old count must never stand beside the new file's name.
        try:
            _forget(nvs, "at")
            nvs.set_blob("file", identity)
            nvs.commit()
        except OSError as e:
            unsaved(e)


def stall(source):
    """So long no byte at all may come: ms (int). A source without settings knows it by itself."""
    config = source.config
    return 0x1FFFFFFF if config is None else config.get("stall_timeout_ms", 20000)


# (The esp32.NVS itself: it is there while something moves, and nvs.py is not.)


def _is_kept(nvs, identity):
    identity = identity.encode()
    found = bytearray(len(identity))
    try:
        return nvs.get_blob("file", found) == len(found) and found == identity
    except OSError:
        return False  # none, or a longer one


def _number(nvs):
    try:
        return nvs.get_i32("at")
    except OSError:
        return 0


def _forget(nvs, *keys):
    for key in keys:
        try:
            nvs.erase_key(key)
        except OSError as e:
            if e.errno != _NOT_FOUND:
                raise


def _begin(download, recall):
    # Digest and target at their first byte; `recall` bytes come out of the target.
    file = download.file
    size = file.size
    block = download.block
    if block is None:
        block = download.block = bytearray(_BLOCK)  # let go beside an offer
    target = download.target
    if download.packed is not None:
        # (First what is large; and what led into the ring's memory.)
        target.inflate = target.ring = target.out = target.theirs = None
        download.packed = download.mover = None
        parts.drop("job.unpack")
        download.source.block = block
    view = memoryview(block)
    download.view = (view, view[_PART:], view[2 * _PART :], view[3 * _PART :])
    # The view of the last, short block is made here, so that move() makes none.
    download.tail = view[: size % _BLOCK or _BLOCK]
    download.recall = recall
    target.begin(size, file.method, file.digest, block)
    target.spare = download.spare
    download.digest = getattr(hashlib, file.method)()
    download.offset = 0
    download.next = min(_CHECKPOINT, size)
    download.state = _OPEN


def restart(download, reason, recall=0):
    """Begin again with what is in flash up to `recall` (bytes), trusting nothing behind it."""
    if not recall:
        log.info("from the start again:", reason)
        download.kept = 0
    if download.nvs is not None:
        try:
            download.nvs.set_i32("at", recall)
            download.nvs.commit()
        except OSError as e:
            unsaved(e)
    _begin(download, recall)
    parts.drop("job.slot_begin")
    if recall:
        download.state = _RECALL


def unsaved(error):
    """A checkpoint that could not be written (OSError) is no reason to give up."""
    log.info("not remembered:", error)


def clear(nvs):
    """The file is installed, or no good. nvs: esp32.NVS of the journal, or None."""
    if nvs is not None:
        try:
            _forget(nvs, "file", "at")
            nvs.commit()
        except OSError as e:
            unsaved(e)
