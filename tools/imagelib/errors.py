"""The one exception of this package."""


class ImageError(Exception):
    """An image cannot be read or built: what is wrong, and what to do next.

    `cause` is one clause without a full stop; `advice` is one sentence. `str()` joins both.
    """

    def __init__(self, cause: str, advice: str) -> None:
        super().__init__(f"{cause}. {advice}")
        self.cause = cause
        self.advice = advice
