"""Whole updates over the MQTT connection, in blocks: good ones, bad ones, and the power."""

from __future__ import annotations

from pathlib import Path

import pytest

from host_tests.kit.fault_proxy import FaultProxy, Plan
from host_tests.kit.locked import MOVER
from host_tests.kit.rig import DN, PK, Rig, app
from tools.cloud.ota.blocks import SIZE_MAX
from tools.dev import stock
from tools.images import build_image

CHUNK = 4096
SIZE = 200_000
USER = f"/{PK}/{DN}/user"


def source(*, block_size: int = CHUNK, gap_ms: int = 0, wait_ms: int = 400, **parts: str) -> str:
    """An application whose downloads over MQTT do not wait for long."""
    waits = f"WAITS.update(gap_ms={gap_ms}, reply_timeout_ms={wait_ms})\n"
    prologue = waits + parts.pop("prologue", "")
    return app(prologue=prologue, options=f"block_size={block_size}", **parts)


SMALL = source()
LARGE = source(block_size=65536)


def ready(rig: Rig) -> None:
    rig.cloud.faults.uplink_qos0_per_s = None


def pushed(rig: Rig, text: str, size: int = SIZE) -> bytes:
    """A board with this application, and an update that has just been pushed."""
    rig.start("1.0.0", text)
    return rig.update("1.1.0", rig.image("1.1.0", size=size), scheme="mqtt")


def arrives(rig: Rig, image: bytes) -> None:
    rig.ends("1.1.0", "SUCCEEDED")
    rig.confirmed(1)
    assert rig.holds(1, image)
    assert [n for n in rig.steps() if n < 0] == []
    assert rig.fetched() == [], "it used HTTP"


def test_an_update_over_mqtt_needs_no_option_and_no_other_connection(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        rig.start("1.0.0")
        image = rig.update("1.1.0", rig.image("1.1.0", size=4096), scheme="mqtt")
        arrives(rig, image)
        assert not rig.cloud.violations, "too fast for the platform"
        assert sum(b.size for b in rig.cloud.blocks) == len(image)
        assert rig.steps()[-1] == 100


def test_large_blocks_bring_the_same_image_with_fewer_requests(rig: Rig) -> None:
    image = pushed(rig, source(block_size=SIZE_MAX))
    arrives(rig, image)
    assert len(rig.cloud.blocks) == 1 + -(-(len(image) - CHUNK) // SIZE_MAX)


def test_each_bad_answer_costs_a_request_and_never_the_update(rig: Rig) -> None:
    faults = rig.cloud.faults
    faults.block_from = 130_000
    for name in (
        "bad_crc",
        "bad_data",
        "truncated",
        "wrong_offset",
        "duplicate",
        "lost",
        "late",
        "code_next",
        "cut",
    ):
        setattr(faults, f"block_{name}", 1)
    # What a busy machine answers late by itself would count as a request more.
    wait_ms = 2000
    faults.block_late_s = 1.5 * wait_ms / 1000
    image = pushed(rig, source(wait_ms=wait_ms), 65536)
    arrives(rig, image)
    hit = {block.fault for block in rig.cloud.blocks} - {""}
    assert len(hit) == 9, hit
    fetched = sum(block.size for block in rig.cloud.blocks)
    assert fetched <= len(image) + 8 * CHUNK


def test_a_platform_that_refuses_every_block_is_reported(rig: Rig) -> None:
    rig.cloud.dialect.block_error = "bare"
    rig.cloud.dialect.block_message = "msg"
    rig.cloud.faults.block_code_next = 1000
    pushed(rig, SMALL, 4096)
    desc = rig.ends("1.1.0", "FAILED")
    assert "block-refused code 500" in desc
    assert rig.steps()[-1] == -2
    assert rig.boots_slot() == 0


def test_a_damaged_large_block_is_fetched_again_and_only_that(rig: Rig) -> None:
    rig.cloud.faults.block_from = 65536
    rig.cloud.faults.block_bad_data = 1
    rig.cloud.dialect.block_qos = 1
    image = pushed(rig, LARGE)
    arrives(rig, image)
    offsets = [block.offset for block in rig.cloud.blocks]
    assert offsets.count(CHUNK + 65536) == 2
    assert len(offsets) == len(set(offsets)) + 1


def test_a_block_that_stays_damaged_ends_the_update_with_a_reason(rig: Rig) -> None:
    rig.cloud.faults.block_from = 65536
    rig.cloud.faults.block_bad_crc = 1000
    pushed(rig, LARGE)
    assert "block CRC" in rig.ends("1.1.0", "FAILED")
    assert rig.steps()[-1] == -2


def test_the_applications_messages_go_both_ways_during_the_download(rig: Rig) -> None:
    text = source(
        gap_ms=20,
        setup=f"device.subscribe('{USER}/get',"
        f" lambda topic, payload: device.publish('{USER}/update', payload))",
    )
    image = pushed(rig, text)
    rig.wait(lambda: len(rig.cloud.blocks) > 3, "blocks")
    for n in range(5):
        rig.cloud.publish(PK, DN, f"{USER}/get", f"echo {n}")
    rig.wait(lambda: len(rig.sent(USER)) == 5, "the echoes")
    blocks = len(rig.cloud.blocks)
    assert blocks < 40, "the download was over: nothing shown"
    arrives(rig, image)
    assert len(rig.cloud.blocks) > blocks
    assert [step for step in rig.steps() if 1 < step < 100], "no progress was told meanwhile"


def test_a_connection_cut_within_a_block_goes_on_behind_its_last_chunk(rig: Rig) -> None:
    rig.cloud.faults.block_from = 65536
    rig.cloud.faults.block_cut = 1
    image = pushed(rig, LARGE)
    arrives(rig, image)
    assert len(rig.cloud.blocks) <= 8
    assert sum(block.size for block in rig.cloud.blocks) < len(image) + 65536


def test_a_power_cut_costs_at_most_64_kib_and_a_block(rig: Rig) -> None:
    block_size = 65536
    text = source(block_size=block_size, gap_ms=15)
    image = pushed(rig, text)
    rig.wait(lambda: rig.cloud.blocks and rig.cloud.blocks[-1].offset > 140_000, "a middle")
    rig.board.power_cut()
    asked = len(rig.cloud.blocks)
    last = rig.cloud.blocks[-1].offset
    rig.board.power_on()
    arrives(rig, image)
    resumed = rig.cloud.blocks[asked].offset
    assert last - 65536 - block_size <= resumed <= last + block_size
    assert resumed > 0


def test_not_a_byte_is_allocated_for_a_chunk_on_its_way_into_flash(rig: Rig) -> None:
    text = source(
        block_size=8192,
        setup=MOVER
        + """
carried = 0

def moved(n):
    global carried
    if n:
        carried += 1

updater.on_progress = lambda percent: percent == 100 and print("chunks without heap:", carried)
""",
    )
    image = pushed(rig, text)
    arrives(rig, image)
    assert f"chunks without heap: {-(-len(image) // CHUNK)}" in rig.board.console_text()


def test_a_lossy_network_under_the_connection_does_not_garble_the_image(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Connections that break within the download, each in another way; then good ones.
    plans = [
        Plan(end="half", after=90_000),
        Plan(pace="bytes", end="reset", after=60_000),
        Plan(),
    ]
    monkeypatch.setattr(Plan, "draw", staticmethod(lambda seed, number, most: plans[number]))
    with FaultProxy(rig.cloud.mqtts_port, "mqtt", len(plans), SIZE) as proxy:
        rig.board.nvs_set("alink", "port", proxy.port)
        image = pushed(rig, source(block_size=65536, device="ack_timeout_ms=1000, ping_ms=500"))
        arrives(rig, image)
        assert len(proxy.plans) >= 3


@pytest.mark.parametrize("block_size", [CHUNK, 65536])
def test_a_full_size_image_arrives_over_a_lossy_link_and_after_a_power_cut(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, block_size: int
) -> None:
    plans = [Plan(end="half", after=300_000), Plan(end="reset", after=400_000)]
    monkeypatch.setattr(Plan, "draw", staticmethod(lambda seed, number, most: (plans * 9)[number]))
    folder = rig.folder / "stock"
    folder.mkdir()
    (folder / "main.py").write_text(app())
    text = source(block_size=block_size, device="ack_timeout_ms=1000, ping_ms=500")
    with FaultProxy(rig.cloud.mqtts_port, "mqtt", len(plans), SIZE) as proxy:
        rig.board.nvs_set("alink", "port", proxy.port)
        rig.start("1.0.0", text)
        image = build_image(stock.app_image().data, folder, "1.1.0")
        rig.update("1.1.0", image, scheme="mqtt")
        rig.wait(lambda: sum(b.size for b in rig.cloud.blocks) > 900_000, "900,000 bytes")
        rig.board.power_cut()
        before = len(rig.cloud.blocks)
        rig.board.power_on()
        arrives(rig, image)
        assert len(proxy.plans) >= 3
    again = rig.cloud.blocks[before:]
    assert 900_000 - 65536 - 2 * block_size < again[0].offset < len(image)
