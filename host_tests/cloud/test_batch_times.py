"""Batches: when a device fails by its time, and when it is tried again."""

from __future__ import annotations

from pathlib import Path

import pytest

from host_tests.kit.batches import four_devices, history, only, states
from host_tests.kit.member import MINUTE, Member
from host_tests.kit.raw_mqtt import PK, RawDevice
from tools.cloud import LocalCloud

prepare = four_devices


def test_the_time_out_of_a_batch_counts_for_each_device_from_its_first_progress(
    cloud: LocalCloud,
) -> None:
    with Member(cloud, "north") as north, Member(cloud, "south") as south:
        south.hears_nothing()
        batch = cloud.batch(
            PK, "1.1.0", devices=("north", "south"), timeout_min=10, retry_after_min=0
        )
        for member in (north, south):
            member.pushed()
        north.progress(1)
        north.hears_nothing()
        cloud.advance(9 * MINUTE)
        south.progress(1)
        south.hears_nothing()
        cloud.advance(MINUTE + 1)
        cloud.wait_task(PK, "north", "1.1.0", "FAILED")
        assert states(cloud, batch.id)["south"] == "IN_PROGRESS"
        # What took too long is not tried again.
        north.hears_nothing()


@pytest.mark.parametrize(("after", "times"), [(0, 1), (10, 2), (30, 5), (60, 1), (1440, 2)])
def test_a_device_that_failed_is_tried_again_as_often_and_as_late_as_told(
    cloud: LocalCloud, after: int, times: int
) -> None:
    with Member(cloud, "north") as north:
        north.hears_nothing()
        batch = cloud.batch(
            PK, "1.1.0", devices=("north",), retry_after_min=after, retry_times=times
        )
        for retry in range(1, times + 1):
            assert north.pushed() == "1.1.0"
            north.progress(7)
            north.progress(-2)
            if after:
                # Not told early, neither by a push nor on a query nor when it reports.
                assert north.asks() is None
                north.waits(cloud, after - 1)
                north.report("1.0.0")
                north.hears_nothing()
                assert only(cloud, batch.id).state == "QUEUED"
                assert only(cloud, batch.id).retries == retry
                cloud.advance(MINUTE + 1)
        assert north.pushed() == "1.1.0"
        north.progress(-2)
        north.hears_nothing()
    task = only(cloud, batch.id)
    assert task.state == "FAILED"
    once = [("NOTIFIED", "pushed"), ("IN_PROGRESS", "told"), ("FAILED", "told")]
    expected = [("QUEUED", "created")]
    for retry in range(1, times + 1):
        expected += [*once, ("QUEUED", f"retry {retry} of {times} in {after} min")]
    assert history(task) == [*expected, ("NOTIFIED", "pushed"), ("FAILED", "told")]


def test_a_wrong_version_is_tried_again_from_that_version(cloud: LocalCloud) -> None:
    with Member(cloud, "north") as north:
        north.hears_nothing()
        batch = cloud.batch(PK, "1.1.0", devices=("north",), retry_after_min=10)
        north.pushed()
        north.progress(1)
        north.report("0.5")
        north.hears_nothing()
        assert (only(cloud, batch.id).state, only(cloud, batch.id).source) == ("QUEUED", "0.5")
        cloud.advance(10 * MINUTE + 1)
        assert north.pushed() == "1.1.0"
        north.progress(1)
        north.report("0.5")
        assert north.pushed() == "1.1.0"
        north.report("1.1.0")
        cloud.wait_task(PK, "north", "1.1.0", "SUCCEEDED")


def test_a_retry_has_its_own_time_out(cloud: LocalCloud) -> None:
    with Member(cloud, "north") as north:
        north.hears_nothing()
        cloud.batch(
            PK, "1.1.0", devices=("north",), retry_after_min=60, timeout_min=5, retry_times=2
        )
        north.pushed()
        north.progress(1)
        north.progress(-4)
        north.hears_nothing()
        north.waits(cloud, 59)
        cloud.advance(2 * MINUTE)
        north.pushed()
        north.progress(1)
        north.hears_nothing()
        cloud.advance(4 * MINUTE)
        assert cloud.task(PK, "north", "1.1.0").state == "IN_PROGRESS"
        cloud.advance(2 * MINUTE)
        cloud.wait_task(PK, "north", "1.1.0", "FAILED")


def test_a_retry_that_waits_survives_a_restart(tmp_path: Path) -> None:
    with LocalCloud(tmp_path) as cloud:
        four_devices(cloud)
        with Member(cloud, "north") as north:
            north.hears_nothing()
            cloud.batch(PK, "1.1.0", devices=("north",), retry_after_min=30)
            north.pushed()
            north.progress(-2)
            north.hears_nothing()
    with LocalCloud(tmp_path) as cloud, Member(cloud, "north") as north:
        north.hears_nothing()
        north.waits(cloud, 31)
        assert north.pushed() == "1.1.0"


def test_a_retry_that_became_due_while_the_server_was_off_is_made_up_for(tmp_path: Path) -> None:
    with LocalCloud(tmp_path) as cloud:
        four_devices(cloud)
        with Member(cloud, "north") as north:
            north.hears_nothing()
            batch = cloud.batch(PK, "1.1.0", devices=("north",), retry_after_min=0)
            north.pushed()
        cloud.wait_for(lambda: not cloud.online(PK, "north"), what="the device's end")
        # It fails from afar: nobody is there for the retry at once.
        with RawDevice(cloud) as again:
            assert again.connect(dn="north") == 0
            again.publish(f"/ota/device/progress/{PK}/north", {"id": 1, "params": {"step": -2}})
            again.ping()
        assert (only(cloud, batch.id).state, only(cloud, batch.id).retries) == ("QUEUED", 1)
    with LocalCloud(tmp_path) as cloud, Member(cloud, "north") as north:
        assert north.pushed() == "1.1.0"
