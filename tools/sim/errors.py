"""What can be wrong with a board on the desk, beside what its program does."""

from __future__ import annotations


class BoardError(RuntimeError):
    """The board cannot do that now; the text says why."""


class BoardTimeout(AssertionError):
    """What was waited for did not happen; carries the end of the console."""


class FlashViolation(AssertionError):
    """The program broke a rule of the flash chip; the board was stopped."""
