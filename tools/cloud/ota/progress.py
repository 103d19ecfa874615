"""What a device may say of its progress."""

from __future__ import annotations

from typing import Any

STEP_MIN, STEP_MAX = -4, 100
DESC_CHARS = 128


def step_of(params: dict[str, Any]) -> int:
    """The step of a report: -4 to -1, or 0 to 100. Raises KeyError, TypeError, ValueError."""
    step = params["step"]
    if isinstance(step, bool) or not isinstance(step, str | int):
        raise TypeError("step is neither a string nor a number")
    step = int(step)
    if not STEP_MIN <= step <= STEP_MAX:
        raise ValueError(f"step {step} is not within {STEP_MIN} and {STEP_MAX}")
    return step


def desc_of(params: dict[str, Any]) -> tuple[str, int]:
    """(the text beside the step as far as it is kept, the characters that came)."""
    desc = str(params.get("desc", ""))
    return desc[:DESC_CHARS], len(desc)
