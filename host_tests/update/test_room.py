"""The memory that an update may take, reckoned for a chip: also where something goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from host_tests.kit.rig import Rig, firmware
from tools.bench import states
from tools.bench.compiled import compiled_sim
from tools.bench.desk import APPS, PROCESSOR, wait_said
from tools.images import build_image
from tools.images.application import ALINK
from tools.images.homes import of, told

MOST = 30 * 1024  # bytes beside the firmware's own
WRONG = {"data": {"sign": "0" * 32, "md5": None}}
Faults = dict[str, Any]


def weighing(rig: Rig, version: str) -> bytes:
    """An image whose application weighs what is alive in each state."""
    folder = rig.folder / f"app-{version}"
    folder.mkdir()
    text = told((APPS / "states.py").read_bytes(), "states", of(ALINK))
    (folder / "main.py").write_bytes(text)
    return build_image(firmware(65536), folder, version, processor=PROCESSOR)


@pytest.fixture
def worst(tmp_path: Path) -> Callable[..., int]:
    """Plays an update and tells the most that was alive in it, in bytes of a chip."""

    def play(end: str, faults: Faults, **options: Any) -> int:
        with compiled_sim(), Rig(tmp_path) as rig:
            rig.board.write_slot(0, weighing(rig, "1.0.0"))
            rig.board.power_on()
            rig.reports("1.0.0")
            wait_said(rig.board, "idle")
            for name, value in faults.items():
                setattr(rig.cloud.faults, name, value)
            rig.release("1.1.0", weighing(rig, "1.1.0"))
            rig.push("1.1.0", **options)
            rig.ends("1.1.0", end)
            rig.board.power_cut()
            return round(states.at_worst(rig.board) / states.RATIO)

    return play


@pytest.mark.parametrize("scheme", ["https", "mqtt"])
def test_an_image_that_is_not_the_promised_one_costs_no_more_memory(
    worst: Callable[..., int], scheme: str
) -> None:
    assert worst("FAILED", {}, scheme=scheme, **WRONG) <= MOST


@pytest.mark.parametrize(
    "faults",
    [
        {"cut_after": 20000, "cut_times": 1},
        {"status_next": 1, "status": 503},
    ],
    ids=lambda faults: next(iter(faults)),
)
def test_a_link_that_breaks_costs_no_more_memory(
    worst: Callable[..., int], faults: Faults
) -> None:
    assert worst("SUCCEEDED", faults, scheme="https") <= MOST


@pytest.mark.parametrize("fault", ["block_bad_crc", "block_code_next"])
def test_a_bad_answer_over_mqtt_costs_no_more_memory(
    worst: Callable[..., int], fault: str
) -> None:
    assert worst("SUCCEEDED", {fault: 1, "block_from": 4097}, scheme="mqtt") <= MOST
