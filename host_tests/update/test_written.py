"""Flash blocks that hold the right bytes already are neither erased nor written."""

from __future__ import annotations

from pathlib import Path

import pytest

from host_tests.kit.rig import Rig, app

BLOCK = 4096
SIZE = 200_000


def erased(rig: Rig) -> int:
    """Sectors of slot 1 that were erased since the board was made."""
    return rig.board.flash_ops["ota_1"].erases


def differing(one: bytes, other: bytes) -> int:
    """Blocks in which two images differ."""
    blocks = range(0, max(len(one), len(other)), BLOCK)
    return sum(one[at : at + BLOCK] != other[at : at + BLOCK] for at in blocks)


def blocks(image: bytes) -> int:
    return -(-len(image) // BLOCK)


def told(rig: Rig) -> str:
    return str(rig.progress()[-1]["desc"])


def erased_by(rig: Rig, image: bytes, there: bytes) -> int:
    """Sectors that an update to `image` has erased of slot 1, in which `there` was."""
    rig.board.write_slot(1, there)
    before = erased(rig)
    rig.board.power_on()
    rig.reports("1.0.0")
    rig.update("1.1.0", image)
    rig.ends("1.1.0", "SUCCEEDED")
    assert rig.holds(1, image)
    return erased(rig) - before


@pytest.mark.parametrize("scheme", ["https", "mqtt"])
def test_a_full_image_over_its_sibling_writes_what_differs_and_says_so(
    tmp_path: Path, scheme: str
) -> None:
    with Rig(tmp_path) as rig:
        rig.cloud.faults.uplink_qos0_per_s = None
        size = SIZE if scheme == "https" else 65536
        source = app(prologue="WAITS.update(gap_ms=0)", options="block_size=65536")
        rig.board.write_slot(0, rig.image("1.0.0", source))
        sibling = rig.image("1.0.9", size=size)
        rig.board.write_slot(1, sibling)
        before = erased(rig)
        rig.board.power_on()
        rig.reports("1.0.0")
        image = rig.update("1.1.0", rig.image("1.1.0", size=size), scheme=scheme)
        rig.ends("1.1.0", "SUCCEEDED")
        assert rig.holds(1, image)
        rig.confirmed(1)
        wanted = differing(sibling, image)
        assert 1 <= wanted <= 4
        assert erased(rig) - before == wanted
        assert told(rig) == f"stored, {wanted} of {blocks(image)} blocks written, restarting"
        assert f"stored, {wanted} of {blocks(image)} blocks written" in rig.board.console_text()


def test_a_slot_with_something_else_is_written_whole(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        rig.board.write_slot(0, rig.image("1.0.0"))
        image = rig.image("1.1.0")
        # Only the first KiB of a block is the same, or all but the last byte.
        spoilt = bytearray(image)
        for at in range(0, len(image), BLOCK):
            spoilt[min(at + (1024 if at % (2 * BLOCK) else BLOCK - 1), len(image) - 1)] ^= 1
        count = blocks(image)
        assert erased_by(rig, image, bytes(spoilt)) == count
        assert told(rig) == f"stored, {count} of {count} blocks written, restarting"


def test_behind_much_that_differs_the_rest_is_left_alone_before_eight_blocks_are_written(
    tmp_path: Path,
) -> None:
    with Rig(tmp_path) as rig:
        rig.board.write_slot(0, rig.image("1.0.0"))
        image = rig.image("1.1.0", size=SIZE)
        # Blocks 0 to 19 are others, and one alone further behind.
        spoilt = bytearray(image)
        for at in (*range(20), 30):
            spoilt[at * BLOCK + 77] ^= 1
        # Up to the next of every eighth.
        assert erased_by(rig, image, bytes(spoilt)) == 24 + 1


def test_the_volume_of_an_older_longer_image_does_not_stay_behind_a_new_one(
    tmp_path: Path,
) -> None:
    with Rig(tmp_path) as rig:
        rig.board.write_slot(0, rig.image("1.0.0"))
        image = rig.image("1.1.0")
        rig.board.write_slot(1, image.ljust(blocks(image) * BLOCK, b"\xff") + b"volume")
        rig.board.power_on()
        rig.reports("1.0.0")
        rig.update("1.1.0", image)
        rig.ends("1.1.0", "SUCCEEDED")
        behind = rig.board.slot_bytes(1)[blocks(image) * BLOCK :]
        assert set(behind) == {255}


def test_the_last_block_is_the_same_only_with_what_lies_behind_the_image(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        rig.board.write_slot(0, rig.image("1.0.0"))
        # (Now and then one fills its last block.)
        sources = (app(prologue=f"FILL = b'{'x' * 300 * n}'") for n in range(1, 9))
        images = (rig.image("1.1.0", source) for source in sources)
        image = next(image for image in images if len(image) % BLOCK)
        rig.board.write_slot(1, image + b"behind")
        rig.board.power_on()
        rig.reports("1.0.0")
        rig.update("1.1.0", image)
        rig.ends("1.1.0", "SUCCEEDED")
        assert told(rig) == f"stored, 1 of {blocks(image)} blocks written, restarting"
        assert rig.board.slot_bytes(1)[: blocks(image) * BLOCK] == image.ljust(
            blocks(image) * BLOCK, b"\xff"
        )
