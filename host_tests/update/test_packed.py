"""Updates that travel as packages: compressed, or as the difference to what runs."""

from __future__ import annotations

import platform

import pytest

from host_tests.kit import alp
from host_tests.kit.locked import MOVER
from host_tests.kit.packed import BLOCK, MQTT, SIZE, erases, running, scattered, succeeds
from host_tests.kit.rig import Rig, app

# Every piece is carried with the heap locked: whatever allocates fails.
LOCKED = app(
    setup=MOVER
    + """
count = 0

def moved(n):
    global count
    count += 1
    if n:
        print("locked: %d times" % count)
"""
)


def ready(rig: Rig) -> None:
    rig.cloud.faults.uplink_qos0_per_s = None


@pytest.mark.parametrize("scheme", ["https", "mqtt"])
@pytest.mark.parametrize("window", [8, 12])
def test_a_compressed_image_is_unpacked_into_the_slot(rig: Rig, scheme: str, window: int) -> None:
    rig.start("1.0.0", MQTT)
    image = rig.image("1.1.0", size=SIZE)
    package = alp.compressed(image, window)
    rig.update("1.1.0", package, scheme=scheme)
    succeeds(rig, image)
    if scheme == "https":
        assert sum(d.bytes_sent for d in rig.fetched()) == len(package)


@pytest.mark.parametrize("scheme", ["https", "mqtt"])
def test_a_one_line_change_travels_in_a_few_bytes_and_writes_a_few_blocks(
    rig: Rig, scheme: str
) -> None:
    old = running(rig)
    before = erases(rig)
    image = rig.image("1.1.0", size=SIZE)
    package = alp.difference(image, old)
    assert len(package) <= 1024
    rig.update("1.1.0", package, scheme=scheme, isDiff=1)
    succeeds(rig, image)
    said = str(rig.progress()[-1]["desc"])
    written = int(said.split()[1])
    assert said == f"stored, {written} of {-(-len(image) // BLOCK)} blocks written, restarting"
    assert 1 <= written <= 4
    assert erases(rig) - before == written
    if scheme == "mqtt":
        assert len(rig.cloud.blocks) == 1


@pytest.mark.parametrize("kind", ["compressed", "difference"])
def test_a_package_needs_no_heap_per_piece(rig: Rig, kind: str) -> None:
    old = running(rig, LOCKED)
    image, package = scattered(rig, old)
    if kind == "compressed":
        package = alp.compressed(image)
    rig.cloud.faults.odd_pieces = 1
    rig.update("1.1.0", package)
    succeeds(rig, image)
    rig.says("locked: ")


@pytest.mark.parametrize("processor", ["of the chip", "of the desk"])
def test_the_sums_are_done_in_machine_code_or_where_that_is_refused_in_bytecode(
    rig: Rig, processor: str
) -> None:
    # The sim is no ESP32: it refuses machine code for one, as an ESP32 does what is for others.
    refused = processor == "of the chip"
    if not refused and platform.machine() != "x86_64":
        pytest.skip("there is no machine code for this desk's processor")
    source = app(prologue="from alink import log\nlog.level = 2")
    old = rig.image("1.0.0", source, SIZE, processor=None if refused else "x64")
    rig.board.write_slot(0, old)
    rig.board.power_on()
    rig.reports("1.0.0")
    image, package = scattered(rig, old)
    rig.update("1.1.0", package, isDiff=1)
    succeeds(rig, image)
    said = "sums in bytecode: incompatible .mpy arch" in rig.board.console_text()
    assert said == refused


def test_a_link_that_drops_costs_only_what_was_lost_on_the_way(rig: Rig) -> None:
    old = running(rig, sibling=False)
    image, package = scattered(rig, old)
    rig.cloud.faults.cut_after = 30_000
    rig.cloud.faults.cut_times = 3
    rig.update("1.1.0", package)
    succeeds(rig, image)
    starts = [d.range_start or 0 for d in rig.fetched()]
    assert len(starts) == 4
    assert starts == sorted(set(starts)), "it began again"
    assert sum(d.bytes_sent for d in rig.fetched()) < len(package) + 3 * 65536


def test_a_server_without_ranges_does_not_garble_the_image(rig: Rig) -> None:
    old = running(rig)
    image, package = scattered(rig, old)
    rig.cloud.faults.ignore_range = True
    rig.cloud.faults.cut_after = 70_000
    rig.cloud.faults.cut_times = 2
    rig.update("1.1.0", package)
    succeeds(rig, image)


def test_after_a_power_cut_what_is_right_already_is_not_written_again(rig: Rig) -> None:
    old = running(rig, sibling=False)
    image, package = scattered(rig, old)
    before = erases(rig)
    rig.cloud.faults.drip_bytes, rig.cloud.faults.drip_delay_s = 2048, 0.005
    rig.update("1.1.0", package, isDiff=1)
    rig.wait(lambda: erases(rig) - before > 20, "20 blocks")
    rig.board.power_cut()
    assert ("alink_ota", "at") not in rig.board.nvs_keys("alink_ota"), "a checkpoint of a package"
    rig.cloud.faults.drip_bytes = 0
    rig.board.power_on()
    rig.ends("1.1.0", "SUCCEEDED")
    assert rig.holds(1, image)
    # One that was under way is written twice.
    assert erases(rig) - before <= -(-len(image) // BLOCK) + 1
    assert rig.fetched()[-1].range_start in (0, None)


def test_a_checkpoint_is_no_place_in_a_package(rig: Rig) -> None:
    old = running(rig, sibling=False)
    image, package = scattered(rig, old)
    rig.cloud.faults.drip_bytes, rig.cloud.faults.drip_delay_s = 2048, 0.005
    before = erases(rig)
    rig.update("1.1.0", package, isDiff=1)
    rig.wait(lambda: erases(rig) - before > 5, "5 blocks")
    rig.board.power_cut()
    rig.board.nvs_set("alink_ota", "at", 8 * BLOCK)
    rig.cloud.faults.drip_bytes = 0
    rig.board.power_on()
    rig.ends("1.1.0", "SUCCEEDED")
    assert rig.holds(1, image)


@pytest.mark.parametrize("way", ["in turn", "alone"])
def test_a_difference_is_taken_in_turn_and_alone(rig: Rig, way: str) -> None:
    old = running(rig, app(options=f"way={way!r}"))
    image, package = scattered(rig, old)
    rig.update("1.1.0", package, isDiff=1)
    succeeds(rig, image)
    assert f"taken {way}" in rig.board.console_text()


def test_a_damaged_block_over_mqtt_costs_a_request_and_not_the_update(rig: Rig) -> None:
    old = running(rig, MQTT)
    image, package = scattered(rig, old)
    rig.cloud.faults.block_from = 20_000
    for name in ("bad_crc", "bad_data", "truncated", "lost", "cut"):
        setattr(rig.cloud.faults, f"block_{name}", 1)
    rig.update("1.1.0", package, scheme="mqtt", isDiff=1)
    succeeds(rig, image)


def test_an_interrupted_trial_is_checked_by_the_images_digest_and_goes_on(rig: Rig) -> None:
    rig.limits(prove_ms=60000)
    old = running(rig)
    image = rig.image("1.1.0", size=SIZE)
    rig.update("1.1.0", alp.difference(image, old), isDiff=1)
    rig.says("start 1.1.0")
    rig.board.power_cut()
    rig.limits(prove_ms=0)
    rig.board.power_on()
    succeeds(rig, image)
    assert [boot.slot for boot in rig.board.boots] == [0, 1, 0, 1]
    assert len(rig.fetched()) == 1, "it was downloaded again"
