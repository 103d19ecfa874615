# The end of a package, and its last block. MIT licence.

from micropython import const

from .. import parts

# Of package_bad.py's list.
_DAMAGED = const(0)
_GOES_ON = const(2)
_BEHIND = const(3)
_OTHER = const(8)


def at_end(download):
    """The package ends here: raises AlinkError PACKAGE if it does not."""
    packed = download.packed
    wrong = None
    try:
        if packed.inflate.readinto(packed.spare, 1):
            wrong = _GOES_ON
        elif packed.ring.any() or download.offset < download.size:
            wrong = _BEHIND
    except (EOFError, OSError):
        wrong = _DAMAGED
    if wrong is not None:
        raise parts.ask("job.package_bad", "wrong", wrong)


def finish(download):
    """All has come: write the last block, if this is the image that the head tells of.

    Raises AlinkError: PACKAGE, FLASH.
    """
    at_end(download)
    packed = download.packed
    target = download.target
    packed.inflate = packed.ring = None
    n = target.size - target.at
    packed.digest.update(memoryview(download.block)[:n])
    if packed.digest.digest() != target.digest:
        raise parts.ask("job.package_bad", "wrong", _OTHER)
    target.write(download.block, n)
