"""The one exception of this package."""


class FlashError(Exception):
    """A verb cannot go on: what is wrong, and what to do next.

    `cause` is one clause without a full stop; `advice` is one sentence or two. `str()` joins both,
    and tools/flash.py prints that and ends with exit code 1.
    """

    def __init__(self, cause: str, advice: str) -> None:
        super().__init__(f"{cause}. {advice}")
        self.cause = cause
        self.advice = advice
