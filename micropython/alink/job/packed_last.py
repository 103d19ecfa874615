# The end of a package, and its last block. MIT licence.

from micropython import const

from .. import parts

# Of package_bad.py's list.
_DAMAGED = const(0)
_GOES_ON = const(2)
_BEHIND = const(3)
_OTHER = const(8)


def at_end(packed, more):
    """The package ends here: raises AlinkError PACKAGE if it does not. more: bool, not all of it
    has come.
    """
    wrong = None
    try:
        if packed.inflate.readinto(packed.spare, 1):
            wrong = _GOES_ON
        elif packed.ring.any() or more:
            wrong = _BEHIND
    except (EOFError, OSError):
        wrong = _DAMAGED
    if wrong is not None:
        raise parts.ask("job.package_bad", "wrong", wrong)


def finish(download):
    """All has come: write the last block, if this is the image that the head tells of.

    Raises AlinkError: PACKAGE, FLASH.
    """
    packed = download.packed
    at_end(packed, False)
    packed.inflate = packed.ring = packed.out = packed.theirs = packed.add = None
    download.view = download.tail = None
    n = packed.size - packed.at
    packed.found.update(memoryview(download.block)[:n])
    if packed.found.digest() != packed.digest:
        raise parts.ask("job.package_bad", "wrong", _OTHER)
    packed.write(download.block, n)
    packed.holds = (packed.size, "sha256", packed.digest)
    packed.spare = None  # a part of the ring's memory
