# What a download has when it is new. MIT licence. Loaded for that moment.

from micropython import RingIO, const

_BLOCK = const(4096)
_PART = const(1024)


def fill(one, config, block):
    """All that a new Download (fetch.py) has, but for what its own __init__ has made.

    block: bytearray of 4096, what moves at once. offset: int, bytes that are in the target and in
    the digest. waits: str, why nothing moves: "link" when the link has expired, "pause" before
    another try, "" else. link: the File whose link is used, None when it has expired; a newer one
    of the same file may be put there at any time.
    """
    one.block = bytearray(_BLOCK) if block is None else block
    view = memoryview(one.block)
    one.view = (view, view[_PART:], view[2 * _PART :], view[3 * _PART :])
    # The ring's own memory is free whenever the ring is empty: between two blocks.
    memory = bytearray(_PART + 1)
    one.ring = RingIO(memory)
    one.spare = memoryview(memory)[:_PART]
    one.config = config
    # file: File. digest: of what is in the target. tail: view of the last, short block. work: the
    # target's, or None. mover: moving.py, or what moves of a package, while it is loaded. packed:
    # see package.py. doubt: what is wrong with bytes that are not vouched for yet: see retry.py.
    one.file = one.digest = one.tail = one.doubt = None
    # at: bytes of the piece that are in place, whole KiB. next: offset of the next checkpoint,
    # or the end. kept: bytes of an earlier run that are trusted so far. recall: bytes to be
    # hashed out of the target. failed: tries in a row, at the offset `seen`. links: fresh ones
    # that may still be asked for.
    one.state = one.offset = one.size = one.at = one.next = one.kept = one.recall = 0
    one.failed = one.seen = one.links = 0
    # Ticks: of the last byte, of the end of a pause, of the deadline. stall: ms.
    one.last = one.pause = one.stop = one.stall = 0
