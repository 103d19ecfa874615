"""Packages into a slot: what a board takes is what the desk makes of them, byte for byte."""

from __future__ import annotations

import hashlib
import random
import struct
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from host_tests.kit import alp
from host_tests.long.fuzz import on_device
from host_tests.long.fuzz.inputs import examples, filler, mutated
from host_tests.long.fuzz.target import Outcome, Progress
from tools.release.package_format import PackageError
from tools.release.unpacking import unpack

_HEAP_KIB = 1024
_SLOT = 8 * 4096  # flash_fakes.Partition.SIZE
_SOURCE = filler(4, 9000) + bytes(3000) + filler(5, _SLOT - 12000)  # it fills its slot


@st.composite
def _operations(draw: st.DrawFn) -> list[alp.Op]:
    """Operations that a difference may have, of every length, over all of the source."""
    dice = random.Random(draw(st.integers(0, 1 << 30)))
    lengths = draw(st.sampled_from([(1, 9), (1, 300), (200, 300), (1, 9000), (4000, 9000)]))
    ops: list[alp.Op] = []
    at = size = 0
    for _ in range(draw(st.integers(1, 40))):
        op = dice.randrange(4)
        n = dice.randint(*lengths)
        if op == alp.SEEK:
            to = dice.choice([0, len(_SOURCE), dice.randrange(len(_SOURCE))])
            ops.append(alp.seek(to - at))
            at = to
            continue
        if op != alp.INSERT:
            n = min(n, len(_SOURCE) - at)
            at += n
        n = min(n, _SLOT - size)
        if n:
            ops.append((op, n, b"" if op == alp.COPY else dice.randbytes(n)))
            size += n
    while ops and ops[-1][0] == alp.SEEK:
        ops.pop()
    return ops or [(alp.COPY, 5000, b"")]


def _difference(ops: list[alp.Op], window: int, cut: int, source: bytes) -> bytes:
    made = alp.played(ops, _SOURCE)
    return alp.head(2, made, source, window) + alp.stream(alp.script(ops)[cut:], window)


_windows = st.sampled_from([8, 8, 9, 10, 12])
_differences = st.builds(
    _difference,
    _operations(),
    _windows,
    st.sampled_from([0, 0, 0, 0, 0, 0, 1]),
    st.sampled_from([_SOURCE] * 9 + [_SOURCE[:-1], b"another", _SOURCE + b"x"]),
)
_contents = st.one_of(
    st.builds(
        filler, st.integers(0, 99), st.sampled_from([1, 255, 256, 4096, 5000, _SLOT, _SLOT + 1])
    ),
    st.builds(bytes, st.integers(1, _SLOT)),
    st.builds(lambda n: _SOURCE[:n], st.integers(1, _SLOT)),
)
_compressed = st.builds(alp.compressed, _contents, _windows, st.sampled_from([0, 1, 9]))


@st.composite
def _rebuilt(draw: st.DrawFn) -> bytes:
    """A right zlib stream with wrong things in it: other operations, numbers, sizes."""
    ops = draw(_operations())
    data = draw(mutated(st.just(alp.script(ops))))
    size = draw(st.sampled_from([0, 0, 1, -1, 4096, -4096]))
    image = alp.played(ops, _SOURCE)
    # Where the operations make too much, what the head tells of is made all the same.
    head = bytearray(alp.head(2, image[:size] if size < 0 else image, _SOURCE))
    head[8:12] = struct.pack("<I", max(len(image) + size, 0))
    behind = draw(st.sampled_from([b"", b"", b"", b"\0", b"behind"]))
    return bytes(head) + alp.stream(data) + behind


_bodies = st.one_of(
    _differences,
    _compressed,
    _rebuilt(),
    mutated(_differences),
    mutated(_compressed),
    st.binary(max_size=200).map(lambda data: alp.head(1, b"x") + data),
)
_inputs = st.builds(lambda dice, body: dice + body, st.binary(min_size=4, max_size=4), _bodies)


def wanted(body: bytes) -> bytes | None:
    """The image that a board has to make of it; None: it has to refuse it."""
    # The source is what the running slot begins with, so many bytes of it.
    size = int.from_bytes(body[44:48], "little")
    try:
        image = unpack(body, _SOURCE[:size])
    except PackageError:
        return None
    return image if max(len(image), len(body)) <= _SLOT else None


def _vouched(body: bytes, said: str) -> bool:
    """Whether what a board has made (hex) is the image that the package's head tells of."""
    image = bytes.fromhex(said)
    size = int.from_bytes(body[8:12], "little")
    return len(image) == size and hashlib.sha256(image).digest() == body[12:44]


def run(seed: int, count: int, progress: Progress) -> Outcome:
    """What is taken is right to the byte; everything else is refused, and by its true name."""
    inputs = examples(_inputs, seed, count)
    taken = 0

    def judge(index: int, said: Any) -> str | None:
        nonlocal taken
        image = wanted(inputs[index][4:])
        if said[:1] == "E":
            return None if image is None else f"{said}, and the desk makes {len(image)} bytes"
        taken += 1
        if image is None:
            # The desk's zlib is stricter with a stream than the board's: what came of it counts.
            return None if _vouched(inputs[index][4:], said) else "taken, and the desk refuses it"
        return None if bytes.fromhex(said) == image else "another image than the desk's"

    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(_SOURCE)
        outcome = on_device.run(
            "fuzz_package.py", inputs, progress, heap_kib=_HEAP_KIB, judge=judge, given=file.name
        )
    outcome.figures["taken"] = str(taken)
    return outcome
