"""The bar of a rollout: one part a state, in the order in which a device comes through them."""

from __future__ import annotations

from dataclasses import dataclass

_ORDER = ("SUCCEEDED", "FAILED", "CANCELED", "IN_PROGRESS", "NOTIFIED", "QUEUED", "CONFIRM")


@dataclass(frozen=True)
class Stretch:
    """`count` devices are in `state`; it begins after the `before` devices of earlier ones."""

    state: str
    count: int
    before: int


def bar(counts: dict[str, int]) -> list[Stretch]:
    """State -> how many, as parts of a bar that is as long as all of them."""
    parts: list[Stretch] = []
    before = 0
    for state in _ORDER:
        count = counts.get(state, 0)
        if count:
            parts.append(Stretch(state, count, before))
            before += count
    return parts
