"""Dynamic batches: devices that come later, and which batch decides."""

from __future__ import annotations

from host_tests.kit.batches import four_devices, states
from host_tests.kit.member import Member
from host_tests.kit.raw_mqtt import PK
from tools.cloud import LocalCloud

prepare = four_devices


def test_a_dynamic_batch_matches_devices_that_report_later(cloud: LocalCloud) -> None:
    with Member(cloud, "north") as north:
        north.hears_nothing()
        batch = cloud.batch(PK, "1.1.0", dynamic=True, sources=("1.0.0", "0.9"))
        assert north.pushed() == "1.1.0"
        assert states(cloud, batch.id) == {"north": "NOTIFIED"}
        with Member(cloud, "south", "0.9") as south, Member(cloud, "east", "2.0") as east:
            assert south.pushed() == "1.1.0"
            east.hears_nothing()
            south.report("1.1.0")
            south.hears_nothing()
            # It comes back with the old version, and is matched again.
            south.report("0.9")
            assert south.pushed() == "1.1.0"
        assert sorted(task.device_name for task in cloud.batch_tasks(batch.id)) == [
            "north",
            "south",
            "south",
        ]
        cloud.cancel_batch(batch.id)
        with Member(cloud, "west", "0.9") as west:
            west.hears_nothing()


def test_a_dynamic_batch_matches_the_same_device_ten_times_at_most(cloud: LocalCloud) -> None:
    batch = cloud.batch(PK, "1.1.0", dynamic=True)
    with Member(cloud, "north", None) as north:
        for _ in range(10):
            north.report("1.0.0")
            assert north.pushed() == "1.1.0"
            north.progress(-1)
        north.report("1.0.0")
        north.hears_nothing()
    assert len(cloud.batch_tasks(batch.id)) == 10
    assert any("10 times" in note.text for note in cloud.notes)


def test_the_newest_dynamic_batch_decides(cloud: LocalCloud) -> None:
    cloud.batch(PK, "1.1.0", dynamic=True)
    cloud.batch(PK, "1.2.0", dynamic=True)
    with Member(cloud, "north") as north:
        assert north.pushed() == "1.2.0"
        north.report("1.2.0")
        # Not back to the older one's target.
        north.hears_nothing()
    cloud.wait_task(PK, "north", "1.2.0", "SUCCEEDED")


def test_a_dynamic_batch_leaves_a_busy_device_alone_unless_it_may_override(
    cloud: LocalCloud,
) -> None:
    with Member(cloud, "north") as north:
        north.hears_nothing()
        cloud.push(PK, "north", "1.1.0")
        north.pushed()
        for override, expected in ((False, "1.1.0"), (True, "1.2.0")):
            batch = cloud.batch(PK, "1.2.0", dynamic=True, sources=("1.0.1",), override=override)
            north.report("1.0.1")
            assert north.pushed() == expected
            cloud.cancel_batch(batch.id)
