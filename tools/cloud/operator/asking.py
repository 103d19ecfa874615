"""A question before something is lost."""

from __future__ import annotations

import sys

from tools.cli import Refused


def agreed(question: str) -> bool:
    """Whether somebody at the terminal says yes; where nobody can answer, no.

    The question goes to stderr: stdout is for what is asked for.
    """
    if not sys.stdin.isatty():
        return False
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def agree(what: str, *, yes: bool) -> None:
    """Go on with --yes, or when somebody says so. Raises Refused: `what` is what would happen."""
    if not yes and not agreed(f"{what}. Go on?"):
        raise Refused(f"nothing was done: {what}", "If that is meant, add --yes.")
