"""Inputs out of hypothesis, the same ones for the same seed, and mutations of bytes."""

from __future__ import annotations

import random
from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

T = TypeVar("T")
_BATCH = 250


def examples(strategy: st.SearchStrategy[T], seed: int, count: int) -> list[T]:
    """`count` examples of a strategy, drawn in batches; the same for the same seed and version."""
    found: list[T] = []
    batch = 0
    while len(found) < count:
        wanted = min(_BATCH, count - len(found))
        # A batch may end early (hypothesis tires of duplicates): the next one goes on.
        found += _batch(strategy, seed * 1000 + batch, wanted)
        batch += 1
    return found[:count]


def _batch(strategy: st.SearchStrategy[T], seed: int, count: int) -> list[T]:
    drawn: list[T] = []

    @seeded(seed)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def draw(example: T) -> None:
        drawn.append(example)

    draw()
    return drawn


@st.composite
def mutated(draw: st.DrawFn, whole: st.SearchStrategy[bytes], rounds: int = 3) -> bytes:
    """Bytes with some of them changed, cut out, doubled, cut off or put in."""
    data = bytearray(draw(whole))
    for _ in range(draw(st.integers(0, rounds))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        how = draw(st.integers(0, 4))
        if how == 0 and data:
            data[at] = draw(st.integers(0, 255))
        elif how == 1:
            del data[at : at + draw(st.integers(1, 9))]
        elif how == 2:
            data[at:at] = data[at : at + draw(st.integers(1, 40))]
        elif how == 3:
            data = data[:at]
        else:
            data[at:at] = draw(st.binary(min_size=1, max_size=6))
    return bytes(data)


def filler(seed: int, size: int) -> bytes:
    """Bytes without meaning, more than hypothesis would draw one by one."""
    return random.Random(seed).randbytes(size)
