"""A person at a terminal who has typed already."""

from __future__ import annotations

import io


class Answers(io.StringIO):
    """Standard input that is a terminal, with these lines in it."""

    def isatty(self) -> bool:
        """It looks like one."""
        return True
