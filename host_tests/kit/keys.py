"""RSA keys for the certificates of tests: made once for a process, each lent again and again.

A key of 2048 bits takes a tenth of a second, and every test has a stand-in with two of them.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator

import trustme

_COUNT = 16  # an authority, its server's and a stranger's are never the same


def lend() -> None:
    """Let trustme take RSA keys out of a few."""
    make: Callable[[trustme.KeyType], object] = trustme.KeyType._generate_key
    one_at_a_time = threading.Lock()
    keys = _lent(lambda: make(trustme.KeyType.RSA))

    def generate(kind: trustme.KeyType) -> object:
        if kind is not trustme.KeyType.RSA:
            return make(kind)
        with one_at_a_time:  # of the threads that start stand-ins beside each other
            return next(keys)

    trustme.KeyType._generate_key = generate  # type: ignore[assignment,method-assign]


def _lent(make: Callable[[], object]) -> Iterator[object]:
    made = []
    for _ in range(_COUNT):
        made.append(make())
        yield made[-1]
    yield from itertools.cycle(made)
