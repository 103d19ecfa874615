"""A package that breaks off, or is offered again or overtaken: what comes of it is right."""

from __future__ import annotations

import pytest

from host_tests.kit import alp
from host_tests.kit.packed import MQTT, SIZE, erases, running, scattered, succeeds
from host_tests.kit.rig import Rig


def breaks(rig: Rig, at: int, times: int | None) -> tuple[bytes, bytes]:
    """The link breaks at byte `at`, so many times -> the new image, and a difference to it."""
    old = running(rig, sibling=False)
    rig.cloud.faults.cut_after = at
    rig.cloud.faults.cut_times = times
    rig.cloud.faults.drip_bytes, rig.cloud.faults.drip_delay_s = 2048, 0.02
    return scattered(rig, old)


def test_a_package_survives_two_refusals_after_a_broken_link(rig: Rig) -> None:
    image, package = breaks(rig, 30_000, 1)
    rig.update("1.1.0", package)
    rig.wait(rig.fetched, "the download")
    rig.cloud.faults.status_next = 2
    succeeds(rig, image)


def test_a_package_survives_three_broken_links_and_a_server_that_begins_again(rig: Rig) -> None:
    image, package = breaks(rig, 30_001, 3)
    rig.update("1.1.0", package)
    rig.wait(lambda: len(rig.fetched()) >= 2, "a second one")
    rig.cloud.faults.ignore_range = True
    rig.wait(lambda: len(rig.fetched()) >= 3, "a third one")
    rig.cloud.faults.ignore_range = False
    succeeds(rig, image)
    rig.says("the server ignored the range")


@pytest.mark.parametrize("first", ["difference", "compressed"])
def test_a_package_that_is_wrong_at_its_end_spoils_nothing_of_the_next_one(
    rig: Rig, first: str
) -> None:
    old = running(rig, sibling=False)
    image, package = scattered(rig, old)
    bad = bytearray(package if first == "difference" else alp.compressed(image))
    bad[12] ^= 1
    rig.update("1.0.5", bytes(bad))
    assert "E73" in rig.ends("1.0.5", "FAILED")
    good = alp.compressed(image) if first == "difference" else package
    rig.update("1.1.0", good)
    rig.ends("1.1.0", "SUCCEEDED")
    rig.confirmed(1)
    assert rig.holds(1, image)


@pytest.mark.parametrize("scheme", ["https", "mqtt"])
def test_a_package_that_is_offered_for_the_other_way_and_back_arrives(
    rig: Rig, scheme: str
) -> None:
    other = "mqtt" if scheme == "https" else "https"
    old = running(rig, MQTT, sibling=False)
    image, package = scattered(rig, old)
    before = erases(rig)
    rig.cloud.faults.drip_bytes, rig.cloud.faults.drip_delay_s = 1024, 0.02
    rig.update("1.1.0", package, scheme=scheme)
    rig.wait(lambda: erases(rig) - before > 2, "blocks")
    rig.push("1.1.0", scheme=other, override=True)
    rig.wait(lambda: erases(rig) - before > 6, "blocks")
    rig.push("1.1.0", scheme=scheme, override=True)
    rig.cloud.faults.drip_bytes = 0
    succeeds(rig, image)


def test_a_package_that_is_offered_again_after_a_damaged_block_arrives(rig: Rig) -> None:
    old = running(rig, MQTT, sibling=False)
    image, package = scattered(rig, old)
    rig.cloud.faults.block_from = 20_000
    rig.cloud.faults.block_bad_crc = 2
    rig.update("1.1.0", package, scheme="mqtt", isDiff=1)
    rig.says("from the start again")
    rig.push("1.1.0", scheme="mqtt", override=True)
    succeeds(rig, image)


def test_a_package_that_takes_the_place_of_a_broken_one_arrives(rig: Rig) -> None:
    image, package = breaks(rig, 30_000, None)
    rig.update("1.0.5", alp.compressed(rig.image("1.0.5", size=SIZE)))
    rig.says("download stopped")
    rig.cloud.faults.cut_after = None
    rig.cloud.faults.drip_bytes = 0
    rig.release("1.1.0", package)
    rig.push("1.1.0", override=True, isDiff=1)
    succeeds(rig, image)
