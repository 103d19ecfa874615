"""What all command lines of this project share."""

from __future__ import annotations


class Refused(Exception):
    """Something cannot be done: what is wrong, and what to do next.

    `cause` is one clause without a full stop; `advice` is one sentence or two. `str()` joins both:
    that is printed, and the exit code is 1.
    """

    def __init__(self, cause: str, advice: str) -> None:
        super().__init__(f"{cause}. {advice}")
        self.cause = cause
        self.advice = advice
