"""RSA keys for the certificates of tests: made once for all workers, each lent again and again.

A key of 2048 bits takes a tenth of a second, and every test has a stand-in with two of them. They
vouch for nothing but tests, so they are kept where builds keep what they compile.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from tools.images.compiled_cache import kept

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
    for number in range(_COUNT):
        pem = kept(lambda: _pem(make()), b"an RSA key for tests", b"%d" % number)
        made.append(load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True))
        yield made[-1]
    yield from itertools.cycle(made)


def _pem(key: Any) -> bytes:
    pem: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem
