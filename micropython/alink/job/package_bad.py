# What is wrong with a package, in words. MIT licence.

import binascii

from micropython import const

from ..errors import AlinkError

_E_OTHER_SOURCE = const(33)
_E_PACKAGE = const(73)
_E_FLASH = const(81)

_GOES_ON = const(2)
_NOTHING = const(5)
_LEAVES = const(6)
_IDLE = const(7)
_SEEKS = const(16)

_WRONG = (
    "its stream is damaged",
    "it ends before its image",
    "it goes on behind its image",
    "data behind its stream",
    "a number",
    "an operation on nothing",
    "it leaves its source",
    "it moves in its source and does nothing",
    "not the image that its head tells of",
)


def wrong(number):
    """The AlinkError PACKAGE for what is wrong (int, of _WRONG)."""
    return AlinkError(_E_PACKAGE, _WRONG[number])


def no_operation(number, room):
    """The same for an operation that cannot be. number: int, of it, or below 0: so many SEEK in a
    row. room: bytes of the image that are not there yet.
    """
    n = number >> 2
    if number < 0:
        return wrong(_LEAVES if number >= -_SEEKS else _IDLE)
    if not n:
        return wrong(_NOTHING)
    return wrong(_GOES_ON if n > room else _LEAVES)


def not_source(size, digest):
    """What runs is not its source, of `size` bytes (int); digest: its first bytes at least."""
    made = binascii.hexlify(digest[:4]).decode()
    return AlinkError(_E_OTHER_SOURCE, "made from %d bytes, sha256 %s.." % (size, made))


def unread(error):
    """What reading the source has raised (OSError), by its name."""
    return AlinkError(_E_FLASH, "reading what runs: %s" % error)
