"""A question before something is lost."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tools.cli import Refused

_NAMED = 3  # tasks


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


def loss(tasks: Sequence[str]) -> str:
    """What it means for tasks that are not finished, behind a comma; "" when there is none."""
    more = f" and {len(tasks) - _NAMED} more" if len(tasks) > _NAMED else ""
    named = ", ".join(tasks[:_NAMED])
    return f", and what is not finished is cancelled: {named}{more}" if tasks else ""
