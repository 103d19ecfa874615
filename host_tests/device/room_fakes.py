# A download beside which an offer is judged, in each of its states. MIT licence.

import hashlib

from alink.job import offer
from package_fakes import Any, Partition, Source, fetch, fill, parts


class Run:
    """As much of a Run as job/room.py touches."""

    part = None
    state = 1
    index = 0

    def __init__(self, fetch):
        self.up = self.job = self
        self.options = (None, None)
        self.fetch = fetch
        self.target = fetch.target
        self.files = [fetch.file]


def free(one):
    """An offer is judged."""
    parts.ask("job.room", "free", Run(one))


def begun(body, source=None, target=None, **config):
    """-> Download of `body` (bytes), begun; its pauses are short."""
    digest = hashlib.sha256(body).digest()
    file = offer.File(len(body), "sha256", digest, "https://here/x.alp")
    config.setdefault("retry_min_ms", 1)
    config.setdefault("retry_max_ms", 2)
    one = fetch.Download(None, config)
    Partition.written = 0
    Partition.erased.clear()
    source = source or Source(body)
    parts.ask("job.checkpoint", "start", one, file, "default/2/x", source, target or Any())
    return one


def first_half(one):
    """Its steps up to the middle of the first block."""
    one.source.until = 1500
    while one.source.at < 1500:
        assert not one.step()
    for _ in range(3):
        assert not one.step()
    assert one.packed is not None and one.packed.filled and not one.packed.at
    one.source.until = len(one.source.body)


def second_half(one, blocks=1):
    """Its steps up to the middle of the second block, or of a later one."""
    one.source.until = 80 + blocks * 4096 + 3000
    while one.source.at < one.source.until:
        assert not one.step()
    assert not one.step()
    assert one.target.at == blocks * 4096 and 0 < one.packed.filled < 4096
    one.source.until = len(one.source.body)


def states(body):
    """-> functions that make a Download of a package in a state of its own."""

    def at_first():
        fill(1, b"")
        one = begun(body, tries=3)
        first_half(one)
        return one

    def at_second():
        fill(1, b"")
        one = begun(body, tries=3)
        second_half(one)
        return one

    def known_again():
        one = at_second()
        one.packed.again = 7
        return one

    def pause():
        one = at_second()
        one.source.broken = OSError(104)
        one.step()
        one.source.broken = None
        return one

    def reaching(state):
        def make():
            fill(1, b"")
            one = begun(body, tries=3)
            while one.state != state:
                one.step()
            return one

        return make

    # (The head of a package is known; 512 bytes are there; the first block was looked at.)
    return (at_first, at_second, known_again, pause) + tuple([reaching(at) for at in (9, 6, 7)])
