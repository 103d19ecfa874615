"""A board that is offered packages: compressed, or differences to what it runs."""

from __future__ import annotations

from host_tests.kit import alp
from host_tests.kit.rig import Rig, app

BLOCK = 4096
SIZE = 120_000  # bytes of firmware
MQTT = app(prologue="WAITS.update(gap_ms=0)", options="block_size=16384")


def running(rig: Rig, source: str | None = None, sibling: bool = True) -> bytes:
    """A board with 1.0.0, and perhaps a sibling of it in the other slot; returns what runs."""
    image = rig.image("1.0.0", source, SIZE)
    rig.board.write_slot(0, image)
    if sibling:
        rig.board.write_slot(1, rig.image("1.0.9", size=SIZE))
    rig.board.power_on()
    rig.reports("1.0.0")
    return image


def scattered(rig: Rig, old: bytes) -> tuple[bytes, bytes]:
    """An image 1.1.0 that shares no place with `old`, and a difference that has all operations."""
    image = rig.image("1.1.0", size=SIZE)
    return image, alp.difference(image, old, ops=moved_ops(image, old))


def moved_ops(image: bytes, old: bytes) -> list[alp.Op]:
    """Operations that fetch each piece of `image` from another place of `old`."""
    ops: list[alp.Op] = []
    at = 0
    for number, start in enumerate(range(0, len(image), 5000)):
        piece = image[start : start + 5000]
        if number % 5 == 4:
            ops.append((alp.INSERT, len(piece), piece))
            continue
        to = start + (number * 331) % 4000 if number % 3 else start
        to = max(0, min(to, len(old) - len(piece)))
        if to != at:
            ops.append(alp.seek(to - at))
        theirs = old[to : to + len(piece)]
        if theirs == piece:
            ops.append((alp.COPY, len(piece), b""))
        else:
            sums = bytes((a - b) & 255 for a, b in zip(piece, theirs, strict=True))
            ops.append((alp.ADD, len(piece), sums))
        at = to + len(piece)
    assert alp.played(ops, old) == image
    return ops


def erases(rig: Rig) -> int:
    """Sectors of slot 1 that were erased since the board was made."""
    return rig.board.flash_ops["ota_1"].erases


def succeeds(rig: Rig, image: bytes) -> None:
    rig.ends("1.1.0", "SUCCEEDED")
    rig.confirmed(1)
    assert rig.holds(1, image)
    assert [n for n in rig.steps() if n < 0] == []


def fails(rig: Rig, step: int, *said: str, version: str = "1.1.0") -> str:
    """The update ends with this step, and nothing of it boots; what the board has said."""
    desc = rig.ends(version, "FAILED")
    for one in said:
        assert one in desc
    assert rig.steps()[-1] == step
    assert rig.boots_slot() == 0
    assert len(rig.board.boots) == 1, "it was started"
    return desc
