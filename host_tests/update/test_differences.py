"""Differences from the desk to the board: packed by image.py's maker, offered by the platform."""

from __future__ import annotations

import pytest

from host_tests.kit.rig import PK, Rig, app
from tools.release.pack import blocks, blocks_that_differ, compress, difference

SIZE = 120_000  # bytes of firmware


def ready(rig: Rig) -> None:
    rig.cloud.faults.uplink_qos0_per_s = None


def running(rig: Rig) -> bytes:
    """A board that runs 1.0.0, with the release before it in the other slot."""
    source = app(prologue="WAITS.update(gap_ms=0)", options="block_size=16384")
    image = rig.image("1.0.0", source, SIZE)
    rig.board.write_slot(0, image)
    rig.board.write_slot(1, rig.image("0.9.0", source, SIZE))
    rig.board.power_on()
    rig.reports("1.0.0")
    return image


def said(rig: Rig, version: str) -> list[str]:
    return [event.desc for event in rig.cloud.task(PK, rig.name, version).history]


def test_the_board_takes_what_the_packer_makes(rig: Rig) -> None:
    old = running(rig)
    image = rig.image("1.1.0", size=SIZE)
    written = blocks_that_differ(image, rig.board.slot_bytes(1))
    assert 1 <= written <= 4
    rig.release("1.1.0", image)
    package = difference(image, old)
    rig.cloud.add_difference(PK, "1.1.0", package, "1.0.0")
    rig.push("1.1.0")
    rig.ends("1.1.0", "SUCCEEDED")
    assert rig.holds(1, image)
    assert sum(one.bytes_sent for one in rig.fetched()) == len(package) <= 1024
    assert said(rig, "1.1.0")[1] == f"pushed: the difference from 1.0.0, {len(package)} bytes"
    assert f"stored, {written} of {blocks(image)} blocks written, restarting" in said(rig, "1.1.0")


@pytest.mark.parametrize("scheme", ["https", "mqtt"])
def test_a_board_that_runs_something_else_gets_the_whole_release_by_itself(
    rig: Rig, scheme: str
) -> None:
    old = bytearray(running(rig))
    old[-1] ^= 1  # what is called 1.0.0 elsewhere
    image = rig.image("1.1.0", size=SIZE)
    rig.release("1.1.0", image)
    rig.cloud.add_difference(PK, "1.1.0", difference(image, bytes(old)), "1.0.0")
    rig.push("1.1.0", scheme=scheme)
    rig.ends("1.1.0", "SUCCEEDED")
    assert rig.holds(1, image)
    history = said(rig, "1.1.0")
    refusal = next(n for n, desc in enumerate(history) if "E33 other-source" in desc)
    assert "pushed" in history[refusal + 1 :]


def test_a_board_without_packages_says_so_and_gets_the_whole_release(rig: Rig) -> None:
    old = rig.image("1.0.0", size=SIZE, features={"blocks", "signature"})
    rig.board.write_slot(0, old)
    rig.board.power_on()
    rig.reports("1.0.0")
    image = rig.image("1.1.0", size=SIZE)
    rig.update("1.0.1", compress(rig.image("1.0.1", size=SIZE)))
    left_out = "E30 left-out: no module named 'alink.job.package'"
    assert left_out in rig.ends("1.0.1", "FAILED")
    assert rig.steps()[-1] == -1
    rig.release("1.1.0", image)
    # The platform does not know what 1.0.0 was built with: that was never offered there.
    rig.cloud.add_difference(PK, "1.1.0", difference(image, old), "1.0.0")
    rig.push("1.1.0")
    rig.ends("1.1.0", "SUCCEEDED")
    assert rig.holds(1, image)
    assert any(left_out in desc for desc in said(rig, "1.1.0"))


def test_a_release_that_was_packed_is_taken_like_any_other(rig: Rig) -> None:
    running(rig)
    image = rig.image("1.1.0", size=SIZE)
    package = compress(image)
    rig.update("1.1.0", package)
    rig.ends("1.1.0", "SUCCEEDED")
    assert rig.holds(1, image)
    assert sum(one.bytes_sent for one in rig.fetched()) == len(package) < len(image)
