"""The memory that an update may take, reckoned for a chip: also where something goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from host_tests.kit import alp
from host_tests.kit.rig import DN, PK, Rig, firmware
from tools.bench import states
from tools.bench.compiled import compiled_sim
from tools.bench.desk import APPS, PROCESSOR, said, wait_said
from tools.images import build_image
from tools.images.application import ALINK
from tools.images.homes import dotted, of, told

BESIDE = "bench beside"  # what the application says when an offer is judged beside a download
MOST = 30 * 1024  # bytes beside the firmware's own
MOST_PACKED = 32 * 1024  # of a package whose connection is opened anew: its inflater stays
WRONG = {"data": {"sign": "0" * 32, "md5": None}}
SLOW = {"drip_bytes": 4096, "drip_delay_s": 0.3}
Faults = dict[str, Any]
Pack = Callable[[bytes, bytes], bytes]  # (what runs, the new image) -> what is released
Act = Callable[[Rig], str]  # what happens during the download -> the version that comes of it


def weighing(rig: Rig, version: str) -> bytes:
    """An image whose application weighs what is alive in each state."""
    folder = rig.folder / f"app-{version}"
    folder.mkdir()
    text = told((APPS / "states.py").read_bytes(), "states", of(ALINK))
    (folder / "main.py").write_bytes(text)
    return build_image(firmware(65536), folder, version, processor=PROCESSOR)


def heaviest(rig: Rig) -> list[tuple[int, str, list[str]]]:
    """What was loaded when most was alive: bytes of the port, state, modules."""
    names = {new: old for old, new in dotted(of(ALINK)).items()}
    return [
        (int(alive), str(state), sorted(names.get(name, name) for name in modules))
        for state, alive, modules in sorted(said(rig.board, "worst"), key=lambda one: -one[1])[:4]
    ]


@pytest.fixture
def worst(tmp_path: Path) -> Callable[..., int]:
    """Plays an update and tells the most that was alive in it, in bytes of a chip."""

    def play(
        end: str,
        faults: Faults,
        meanwhile: Act | None = None,
        pack: Pack | None = None,
        **options: Any,
    ) -> int:
        with compiled_sim(), Rig(tmp_path) as rig:
            old = weighing(rig, "1.0.0")
            rig.board.write_slot(0, old)
            rig.board.power_on()
            rig.reports("1.0.0")
            wait_said(rig.board, "idle")
            for name, value in faults.items():
                setattr(rig.cloud.faults, name, value)
            new = weighing(rig, "1.1.0")
            rig.release("1.1.0", new if pack is None else pack(old, new))
            rig.push("1.1.0", **options)
            version = "1.1.0"
            if meanwhile is not None:
                rig.wait(lambda: rig.fetched() or rig.cloud.blocks, "the download")
                version = meanwhile(rig)
                rig.cloud.faults.drip_bytes = 0
            rig.ends(version, end)
            rig.board.power_cut()
            found = round(states.at_worst(rig.board) / states.RATIO)
            # (Shown where it is too much.)
            print(found, *heaviest(rig), sep="\n")
            return found

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


def comes_again(rig: Rig) -> str:
    """The same job is offered once more."""
    rig.push("1.1.0", override=True, scheme="mqtt" if rig.cloud.blocks else "https")
    rig.says(BESIDE)
    return "1.1.0"


def is_cancelled(rig: Rig) -> str:
    """Another release is offered in its place."""
    rig.release("1.2.0", weighing(rig, "1.2.0"))
    rig.push("1.2.0", override=True)
    rig.says(BESIDE)
    return "1.2.0"


def is_cut_off(rig: Rig) -> str:
    """The connection over MQTT breaks, and the job is offered again after the next sign-in."""
    assert rig.cloud.kick(PK, DN)
    rig.wait_count("signed in as", 2)
    return comes_again(rig)


@pytest.mark.parametrize("act", [comes_again, is_cancelled, is_cut_off])
@pytest.mark.parametrize("scheme", ["https", "mqtt"])
def test_what_comes_over_mqtt_during_a_download_costs_no_more_memory(
    worst: Callable[..., int], scheme: str, act: Act
) -> None:
    assert worst("SUCCEEDED", SLOW, act, scheme=scheme) <= MOST


def test_a_link_that_expires_costs_no_more_memory(worst: Callable[..., int]) -> None:
    assert worst("SUCCEEDED", {"expire_next": 1}, scheme="https") <= MOST


def compressed(old: bytes, new: bytes) -> bytes:
    return alp.compressed(new)


def difference(old: bytes, new: bytes) -> bytes:
    return alp.difference(new, old, ops=[(alp.INSERT, len(new), new)])


def comes_again_after_a_break(rig: Rig) -> str:
    """The link breaks, and the same job is offered before it is opened anew."""
    rig.says("download stopped")
    return comes_again(rig)


@pytest.mark.parametrize("pack", [compressed, difference])
def test_an_offer_beside_a_package_whose_link_broke_costs_little_more_memory(
    worst: Callable[..., int], pack: Pack
) -> None:
    faults = {**SLOW, "cut_after": 12000, "cut_times": 1}
    found = worst("SUCCEEDED", faults, comes_again_after_a_break, pack, scheme="https")
    assert found <= MOST_PACKED
