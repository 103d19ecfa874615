"""Batches: one release for many devices on the platform's terms. Time is the stand-in's own."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from host_tests.kit.batches import NAMES, four_devices, history, only, states
from host_tests.kit.member import MINUTE, Member
from host_tests.kit.raw_mqtt import PK, SECRET
from tools.cli import Refused
from tools.cloud import LocalCloud
from tools.cloud.store import CloudStore

prepare = four_devices


# --- whom a batch is for ---


def test_a_batch_upgrades_every_device_of_the_product(cloud: LocalCloud) -> None:
    cloud.add_device("another", "north", SECRET)
    with Member(cloud, "north") as north, Member(cloud, "south") as south:
        south.hears_nothing()
        batch = cloud.batch(PK, "1.1.0")
        assert (north.pushed(), south.pushed()) == ("1.1.0", "1.1.0")
        assert states(cloud, batch.id) == {
            "east": "QUEUED",
            "north": "NOTIFIED",
            "south": "NOTIFIED",
            "west": "QUEUED",
        }
        # Who comes later gets it then.
        with Member(cloud, "west") as west:
            assert west.pushed() == "1.1.0"


def test_a_batch_can_be_for_some_devices_only(cloud: LocalCloud) -> None:
    batch = cloud.batch(PK, "1.1.0", devices=("west", "north", "west"))
    assert states(cloud, batch.id) == {"west": "QUEUED", "north": "QUEUED"}


def test_a_batch_can_be_for_those_that_report_an_old_version(cloud: LocalCloud) -> None:
    with Member(cloud, "north", "1.0.0") as north, Member(cloud, "south", "0.9") as south:
        south.hears_nothing()
        north.hears_nothing()
        batch = cloud.batch(PK, "1.1.0", sources=("0.9", "0.8"))
        assert south.pushed() == "1.1.0"
        north.hears_nothing()
        assert states(cloud, batch.id) == {"south": "NOTIFIED"}
        # A static batch has chosen: who reports such a version later is not in it.
        north.report("0.9")
        north.hears_nothing()


def test_who_has_the_version_already_is_not_in_the_batch(cloud: LocalCloud) -> None:
    with Member(cloud, "north", "1.1.0") as north:
        north.hears_nothing()
        batch = cloud.batch(PK, "1.1.0")
    assert "north" not in states(cloud, batch.id)
    assert len(states(cloud, batch.id)) == 3


def test_terms_that_the_platform_does_not_have_are_refused_with_advice(cloud: LocalCloud) -> None:
    for terms, told in (
        ({"timeout_min": 0}, "1 to 1440"),
        ({"retry_after_min": 5}, "0, 10, 30, 60 or 1440"),
        ({"retry_after_min": 10, "retry_times": 3}, "1, 2 or 5"),
        ({"rate": 0}, "1 to 10000"),
        ({"devices": ("nobody",)}, "device add"),
        ({"sources": ("0.1",)}, "status"),
        ({"dynamic": True, "devices": ("north",)}, "dynamic"),
    ):
        with pytest.raises(Refused, match=told):
            cloud.batch(PK, "1.1.0", **terms)
    with pytest.raises(Refused, match="release add"):
        cloud.batch(PK, "9", rate=1)
    with pytest.raises(Refused, match="no batch 77"):
        cloud.confirm(77)
    batch = cloud.batch(PK, "1.1.0", devices=("north",))
    with pytest.raises(Refused, match="south is not in batch"):
        cloud.cancel_batch(batch.id, "south")


# --- confirmation ---


def test_what_waits_for_confirmation_is_neither_pushed_nor_answered(cloud: LocalCloud) -> None:
    with Member(cloud, "north") as north, Member(cloud, "south") as south:
        south.hears_nothing()
        batch = cloud.batch(PK, "1.1.0", devices=("north", "south"), confirm=True)
        assert states(cloud, batch.id) == {"north": "CONFIRM", "south": "CONFIRM"}
        north.report("1.0.0")
        assert north.asks() is None
        north.progress(-1)
        north.hears_nothing()
        assert cloud.confirm(batch.id, "north") == 1
        assert north.pushed() == "1.1.0"
        south.hears_nothing()
        assert states(cloud, batch.id) == {"north": "NOTIFIED", "south": "CONFIRM"}
        assert cloud.confirm(batch.id) == 1
        assert south.pushed() == "1.1.0"
        assert cloud.confirm(batch.id) == 0
        assert history(cloud.task(PK, "north", "1.1.0")) == [
            ("CONFIRM", "created"),
            ("QUEUED", "confirmed"),
            ("NOTIFIED", "pushed"),
        ]


# --- override, rate, not pushed, cancel ---


def test_a_newer_batch_fails_for_a_busy_device_unless_it_may_override(cloud: LocalCloud) -> None:
    with Member(cloud, "north") as north:
        north.hears_nothing()
        first = cloud.batch(PK, "1.1.0", devices=("north",), retry_after_min=0)
        north.pushed()
        second = cloud.batch(PK, "1.2.0", devices=("north",))
        assert states(cloud, second.id) == {"north": "FAILED"}
        assert "1.1.0" in only(cloud, second.id).desc
        third = cloud.batch(PK, "1.2.0", devices=("north",), override=True)
        assert north.pushed() == "1.2.0"
        assert states(cloud, first.id) == {"north": "CANCELED"}
        assert states(cloud, third.id) == {"north": "NOTIFIED"}


def test_no_more_devices_are_told_in_a_minute_than_the_rate_allows(cloud: LocalCloud) -> None:
    members = [Member(cloud, name) for name in NAMES]
    for member in members:
        member.hears_nothing()
    batch = cloud.batch(PK, "1.1.0", devices=NAMES, rate=2)
    assert [members[0].pushed(), members[1].pushed()] == ["1.1.0"] * 2
    # The others wait, whatever they do.
    members[2].report("1.0.0")
    assert members[2].asks() is None
    members[3].hears_nothing()
    assert list(states(cloud, batch.id).values()) == ["NOTIFIED", "NOTIFIED", "QUEUED", "QUEUED"]
    # Told once, a device is told again whenever it reports.
    members[0].report("1.0.0")
    assert members[0].pushed() == "1.1.0"
    cloud.advance(MINUTE + 1)
    assert [members[2].pushed(), members[3].pushed()] == ["1.1.0"] * 2
    assert set(states(cloud, batch.id).values()) == {"NOTIFIED"}
    for member in members:
        member.mqtt.sock.close()


def test_a_batch_that_is_not_pushed_is_found_by_a_query(cloud: LocalCloud) -> None:
    with Member(cloud, "north") as north:
        north.hears_nothing()
        batch = cloud.batch(PK, "1.1.0", devices=("north",), push=False)
        north.report("1.0.0")
        north.hears_nothing()
        assert only(cloud, batch.id).state == "QUEUED"
        assert north.asks() == "1.1.0"
        assert history(only(cloud, batch.id))[-1] == ("NOTIFIED", "answered a query")


def test_a_cancelled_batch_ends_for_everybody_but_keeps_what_succeeded(cloud: LocalCloud) -> None:
    with Member(cloud, "north") as north, Member(cloud, "south") as south:
        south.hears_nothing()
        batch = cloud.batch(PK, "1.1.0", retry_after_min=10)
        north.pushed()
        north.report("1.1.0")
        south.pushed()
        south.progress(-1)
        south.hears_nothing()
        cloud.wait_task(PK, "north", "1.1.0", "SUCCEEDED")
        assert cloud.cancel_batch(batch.id) == 3
        assert states(cloud, batch.id) == {
            "east": "CANCELED",
            "north": "SUCCEEDED",
            "south": "CANCELED",
            "west": "CANCELED",
        }
        # The retry that waited is gone as well.
        cloud.advance(11 * MINUTE)
        south.report("1.0.0")
        assert south.asks() is None
        assert cloud.cancel_batch(batch.id) == 0


# --- the file ---


def test_a_file_made_before_there_were_batches_is_taken_over(tmp_path: Path) -> None:
    with LocalCloud(tmp_path) as cloud:
        four_devices(cloud)
        cloud.push(PK, "north", "1.1.0")
    path = tmp_path / "cloud.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("drop table batch")
        db.execute("drop index if exists task_batch")
        for column in ("batch", "retries", "due"):
            db.execute(f"alter table task drop column {column}")
    db.close()
    with LocalCloud(tmp_path) as cloud, Member(cloud, "north") as north:
        assert north.pushed() == "1.1.0"
        task = cloud.task(PK, "north", "1.1.0")
        assert (task.batch, task.retries, task.due) == (None, 0, None)
        cloud.batch(PK, "1.1.0", devices=("south",))
    CloudStore(path).close()


def test_batches_survive_a_restart_with_all_their_terms(tmp_path: Path) -> None:
    with LocalCloud(tmp_path) as cloud:
        four_devices(cloud)
        batch = cloud.batch(PK, "1.1.0", devices=("north",), confirm=True, rate=1, push=False)
    with LocalCloud(tmp_path) as cloud, Member(cloud, "north") as north:
        assert north.asks() is None
        assert cloud.confirm(batch.id) == 1
        north.hears_nothing()
        assert north.asks() == "1.1.0"
