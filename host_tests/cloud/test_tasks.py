"""The stand-in's OTA service: when a task is offered, and what decides how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from host_tests.kit.raw_mqtt import (
    DN,
    PK,
    PROGRESS,
    QUERY,
    QUERY_REPLY,
    UPGRADE,
    RawDevice,
    online,
)
from host_tests.kit.tasks import TOY, state, three_versions, updating
from tools.cli import Refused
from tools.cloud import LocalCloud

prepare = three_versions


# --- when a task is offered ---


def test_a_device_that_is_offline_gets_its_task_when_it_reports(cloud: LocalCloud) -> None:
    assert cloud.push(PK, DN, "1.1.0").state == "QUEUED"
    with online(cloud, None) as device:
        # It has never reported a version: nothing is offered yet, not even on a query.
        assert device.query()["data"] == {}
        assert state(cloud) == "QUEUED"
        device.report("1.0.0")
        assert device.push()["data"]["version"] == "1.1.0"
    assert state(cloud) == "NOTIFIED"
    assert cloud.task(PK, DN, "1.1.0").source == "1.0.0"


def test_a_device_that_lost_its_update_is_told_about_it_when_it_reports(
    cloud: LocalCloud,
) -> None:
    with updating(cloud) as device:
        device.report("1.0.0")
        device.push()
        assert state(cloud) == "IN_PROGRESS"
    with online(cloud, None) as device:
        device.report("1.0.0")
        device.push()
        device.report("1.0.0")
        device.push()
    assert state(cloud) == "IN_PROGRESS"


@pytest.mark.parametrize("extra", ["", ",_ss=1"])
def test_a_device_that_signs_in_is_told_about_its_task_once(cloud: LocalCloud, extra: str) -> None:
    online(cloud).sock.close()
    cloud.wait_for(lambda: not cloud.online(PK, DN))
    cloud.push(PK, DN, "1.1.0")
    with RawDevice(cloud) as device:
        assert device.connect(extra=extra) == 0
        if extra:
            device.push()
        assert device.subscribe(UPGRADE, QUERY_REPLY) == [0, 0]
        if not extra:
            device.push()
        device.report("1.0.0")
        device.subscribe(UPGRADE)
        device.ping()
        # To report once more is to ask once more.
        device.report("1.0.0")
        device.push()


def test_a_device_that_runs_its_new_version_is_not_told_to_install_it(cloud: LocalCloud) -> None:
    with updating(cloud) as device:
        device.progress("100")
        device.ping()
    with RawDevice(cloud) as device:
        assert device.connect(extra=",_ss=1") == 0
        assert device.subscribe(UPGRADE) == [0]
        device.report("1.1.0")
        cloud.wait_task(PK, DN, "1.1.0", "SUCCEEDED")
        device.ping()


def test_a_task_is_told_anew_to_a_device_that_runs_another_version_than_was_thought(
    cloud: LocalCloud,
) -> None:
    online(cloud).sock.close()
    cloud.wait_for(lambda: not cloud.online(PK, DN))
    cloud.push(PK, DN, "1.1.0")
    with online(cloud, None) as device:
        device.push()
        device.report("0.9.0")
        device.push()
    assert cloud.task(PK, DN, "1.1.0").source == "0.9.0"


@pytest.mark.parametrize("identifier", [1700000000123, "1700000000123", -1, "x", ""])
def test_what_a_device_reports_under_an_unusual_id_is_not_lost(
    cloud: LocalCloud, identifier: str | int
) -> None:
    with updating(cloud) as device:
        said = {"id": identifier, "params": {"step": "35", "desc": ""}}
        device.publish(PROGRESS, said)
        device.publish(QUERY, {"id": identifier, "params": {}})
        topic, payload = device.message()
    assert (topic, json.loads(payload)["id"]) == (QUERY_REPLY, identifier)
    assert cloud.task(PK, DN, "1.1.0").step == 35
    assert [v.rule for v in cloud.violations] == ["id", "id"]


def test_a_finished_task_is_never_pushed_again(cloud: LocalCloud) -> None:
    with updating(cloud) as device:
        device.progress("-1", "refused")
        device.report("1.0.0")
        device.ping()
        assert device.query()["data"] == {}
    with online(cloud) as device:
        device.ping()


def test_a_device_that_has_the_version_already_is_pushed_it_with_force_alone(
    cloud: LocalCloud,
) -> None:
    with online(cloud, "1.1.0") as device:
        assert cloud.push(PK, DN, "1.1.0").state == "SUCCEEDED"
        device.ping()
        assert cloud.push(PK, DN, "1.1.0", force=True).state == "NOTIFIED"
        device.push()
        device.report("1.1.0")
        device.ping()
    assert state(cloud) == "SUCCEEDED"


def test_a_downgrade_is_a_job_like_any_other(cloud: LocalCloud) -> None:
    with online(cloud, "1.10.0") as device:
        cloud.push(PK, DN, "1.1.0")
        assert device.push()["data"]["version"] == "1.1.0"


def test_a_module_has_its_own_version_and_its_own_task(cloud: LocalCloud) -> None:
    cloud.add_release(PK, "5.0", TOY, module="sensor")
    with online(cloud) as device:
        cloud.push(PK, DN, "5.0", module="sensor")
        cloud.push(PK, DN, "1.1.0")
        assert "module" not in device.push()["data"]
        device.report("4.0", module="sensor")
        assert device.push()["data"]["module"] == "sensor"
        device.progress("-3", "bad", module="sensor")
        # The version of one module says nothing about another.
        device.report("1.1.0", module="sensor")
        device.ping()
        assert state(cloud, "5.0") == "FAILED"
        assert state(cloud, "1.1.0") == "NOTIFIED"
        device.report("1.1.0", module="default")
        device.ping()
        assert state(cloud, "1.1.0") == "SUCCEEDED"


# --- one at a time ---


def test_a_second_task_fails_while_one_is_unfinished(cloud: LocalCloud) -> None:
    with updating(cloud) as device:
        task = cloud.push(PK, DN, "1.2.0")
        assert task.state == "FAILED"
        assert "1.1.0" in task.desc
        device.ping()
        assert state(cloud) == "IN_PROGRESS"


def test_an_override_cancels_the_unfinished_task(cloud: LocalCloud) -> None:
    with updating(cloud) as device:
        cloud.push(PK, DN, "1.2.0", override=True)
        assert device.push()["data"]["version"] == "1.2.0"
    assert state(cloud) == "CANCELED"
    assert state(cloud, "1.2.0") == "NOTIFIED"


def test_a_cancelled_task_is_over(cloud: LocalCloud) -> None:
    with updating(cloud) as device:
        assert cloud.cancel(PK, DN, "1.1.0").state == "CANCELED"
        device.report("1.1.0")
        device.ping()
    assert state(cloud) == "CANCELED"


def test_tasks_and_versions_survive_a_restart(tmp_path: Path) -> None:
    with LocalCloud(tmp_path) as cloud:
        three_versions(cloud)
        updating(cloud).sock.close()
        before = cloud.task(PK, DN, "1.1.0")
    with LocalCloud(tmp_path) as cloud:
        assert cloud.task(PK, DN, "1.1.0") == before
        assert cloud.version(PK, DN) == "1.0.0"
        with online(cloud, None) as device:
            device.report("1.0.0")
            assert device.push()["data"]["version"] == "1.1.0"
            device.report("1.1.0")
            cloud.wait_task(PK, DN, "1.1.0", "SUCCEEDED")


# --- the operator's mistakes ---


def test_mistakes_are_told_with_what_to_do(cloud: LocalCloud, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="device add"):
        cloud.push(PK, "nobody", "1.1.0")
    with pytest.raises(Refused, match="release add"):
        cloud.push(PK, DN, "7.7.7")
    with pytest.raises(Refused, match="1 to 1440"):
        cloud.push(PK, DN, "1.1.0", timeout_min=1441)
    with pytest.raises(Refused, match="choose a new one"):
        cloud.add_release(PK, "1.1.0", b"other bytes")
    with pytest.raises(Refused, match="Check the path"):
        cloud.add_release(PK, "3.0.0", tmp_path / "missing.bin")
    with pytest.raises(Refused, match="empty"):
        cloud.add_release(PK, "3.0.0", b"")
    with pytest.raises(Refused, match="letters"):
        cloud.add_release(PK, "3 0", TOY)
    with pytest.raises(Refused, match="no task"):
        cloud.task(PK, DN, "1.2.0")


def test_the_same_release_may_be_added_again(cloud: LocalCloud) -> None:
    assert cloud.add_release(PK, "1.1.0", TOY).id == cloud.add_release(PK, "1.1.0", TOY).id


def test_waiting_for_a_task_that_ended_otherwise_does_not_wait(cloud: LocalCloud) -> None:
    with updating(cloud) as device:
        device.progress("-2", "no link")
        with pytest.raises(Refused, match="no link"):
            cloud.wait_task(PK, DN, "1.1.0", "SUCCEEDED", timeout_s=600)


def test_a_push_shows_no_link_where_people_look(cloud: LocalCloud) -> None:
    with online(cloud) as device:
        cloud.push(PK, DN, "1.1.0")
        link = device.push()["data"]["url"]
    pushed = cloud.messages[-1]
    assert link.encode() in pushed.payload
    secret = link.partition("?")[2]
    assert secret not in str(pushed)
    assert secret not in repr((cloud.messages, cloud.notes, cloud.task(PK, DN, "1.1.0")))
    assert UPGRADE in str(pushed)
