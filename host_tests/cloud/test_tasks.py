"""The stand-in's OTA service: when a task is offered, and what decides how it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tests.kit.raw_mqtt import (
    DN,
    PK,
    PROGRESS,
    QUERY,
    QUERY_REPLY,
    SECRET,
    UPGRADE,
    RawDevice,
    online,
)
from tools.cli import Refused
from tools.cloud import LocalCloud

TOY = bytes(range(256)) + bytes(range(16))
TOY_MD5 = "5aea39a2a288d22d9b19b9cab95bf00c"
TOY_SHA256 = "6aed54b2c80834cc921daeb23e938d39137f3c6878c1e56d8cbe176ac2bcd258"


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[LocalCloud]:
    with LocalCloud(tmp_path) as cloud:
        prepare(cloud)
        yield cloud


def prepare(cloud: LocalCloud) -> None:
    """A device, and three versions for it."""
    cloud.faults.connects_per_minute = None
    cloud.add_device(PK, DN, SECRET)
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        cloud.add_release(PK, version, TOY)


def state(cloud: LocalCloud, version: str = "1.1.0") -> str:
    return cloud.task(PK, DN, version).state


def updating(cloud: LocalCloud, **push: Any) -> RawDevice:
    """A device in the middle of its update from 1.0.0 to 1.1.0."""
    device = online(cloud)
    cloud.push(PK, DN, "1.1.0", **push)
    device.push()
    device.progress("1", "started")
    device.ping()
    assert state(cloud) == "IN_PROGRESS"
    return device


# --- the message ---


def test_a_push_has_the_form_of_captured_ones(cloud: LocalCloud) -> None:
    with online(cloud) as device:
        cloud.push(PK, DN, "1.1.0")
        push = device.push()
    url = push["data"].pop("url")
    assert url.startswith(f"https://127.0.0.1:{cloud.https_port}/ota/")
    assert len(url) >= 600
    assert "auth_key=" in url
    number = push.pop("id")
    assert isinstance(number, int)
    assert len(str(number)) == 13
    assert push == {
        "code": "1000",
        "data": {
            "size": 272,
            "version": "1.1.0",
            "signMethod": "Md5",
            "sign": TOY_MD5,
            "md5": TOY_MD5,
        },
        "message": "success",
    }


def test_sha256_comes_without_md5(cloud: LocalCloud) -> None:
    cloud.add_release(PK, "2.0.0", TOY, sign_method="SHA256")
    with online(cloud) as device:
        cloud.push(PK, DN, "2.0.0")
        data = device.push()["data"]
    assert (data["signMethod"], data["sign"]) == ("SHA256", TOY_SHA256)
    assert "md5" not in data


def test_every_spelling_the_documents_leave_open_can_be_chosen(cloud: LocalCloud) -> None:
    cloud.dialect.push_code = 200
    cloud.dialect.push_id_text = True
    cloud.dialect.push_message = False
    cloud.dialect.push_qos = 1
    cloud.dialect.sign_methods = ("MD5", "Sha256")
    with online(cloud) as device:
        cloud.push(PK, DN, "1.1.0")
        push = device.push()
        device.ping()
    assert push["code"] == 200
    assert isinstance(push["id"], str)
    assert "message" not in push
    assert push["data"]["signMethod"] == "MD5"
    assert cloud.messages[-1].qos == 1
    assert cloud.messages[-1].acked


def test_any_field_can_be_replaced_or_left_out(cloud: LocalCloud) -> None:
    cloud.add_release(PK, "2.0.0", TOY, extData={"ring": "beta"}, isDiff=1)
    with online(cloud) as device:
        cloud.push(
            PK, DN, "2.0.0", size=5, sign="0" * 32, md5=None, data={"module": "m"}, version="9"
        )
        data = device.push()["data"]
        assert device.query()["data"]["size"] == 5
    assert data.pop("url")
    assert data == {
        "size": 5,
        "version": "9",
        "signMethod": "Md5",
        "sign": "0" * 32,
        "extData": {"ring": "beta"},
        "isDiff": 1,
        "module": "m",
    }


def test_a_query_is_answered_with_the_job_and_the_id_as_it_was_sent(cloud: LocalCloud) -> None:
    with online(cloud) as device:
        cloud.push(PK, DN, "1.1.0")
        pushed = device.push()["data"]
        reply = device.query()
        assert (reply["id"], reply["code"]) == ("7", 200)
        # A fresh link each time, otherwise the same job.
        assert reply["data"].pop("url") != pushed.pop("url")
        assert reply["data"] == pushed
        device.publish(QUERY, b'{"id":4294967295}')
        assert json.loads(device.message()[1])["id"] == 4294967295


def test_a_query_without_a_job_is_answered_with_an_empty_one(cloud: LocalCloud) -> None:
    with online(cloud) as device:
        assert device.query() == {"id": "7", "code": 200, "data": {}}
        cloud.push(PK, DN, "1.1.0")
        device.push()
        assert device.query(module="sensor")["data"] == {}


def test_a_query_alone_makes_a_task_notified(cloud: LocalCloud) -> None:
    with RawDevice(cloud) as device:
        assert device.connect() == 0
        assert device.subscribe(QUERY_REPLY) == [0]
        device.report("1.0.0")
        device.ping()
        assert cloud.push(PK, DN, "1.1.0").state == "QUEUED"
        assert device.query()["data"]["version"] == "1.1.0"
        assert state(cloud) == "NOTIFIED"


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


def test_a_device_that_has_the_version_already_is_not_pushed_but_told_on_force(
    cloud: LocalCloud,
) -> None:
    with online(cloud, "1.1.0") as device:
        assert cloud.push(PK, DN, "1.1.0").state == "QUEUED"
        device.ping()
        cloud.cancel(PK, DN, "1.1.0")
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


# --- how a task goes and ends ---


def test_the_normal_exchange_ends_in_success(cloud: LocalCloud) -> None:
    with updating(cloud) as device:
        for step in ("35", 70, "100"):
            device.progress(step)
        device.ping()
        # 100 alone never completes a job.
        assert state(cloud) == "IN_PROGRESS"
        assert cloud.task(PK, DN, "1.1.0").step == 100
    with online(cloud, None) as device:
        device.report("1.1.0")
        task = cloud.wait_task(PK, DN, "1.1.0", "SUCCEEDED")
    assert [(e.state, e.step) for e in task.history] == [
        ("QUEUED", None),
        ("NOTIFIED", None),
        ("IN_PROGRESS", 1),
        ("IN_PROGRESS", 35),
        ("IN_PROGRESS", 70),
        ("IN_PROGRESS", 100),
        ("SUCCEEDED", None),
    ]
    assert [e.time for e in task.history] == sorted(e.time for e in task.history)


@pytest.mark.parametrize("step", ["-1", "-2", "-3", "-4", -1])
def test_a_negative_step_fails_the_task_with_the_devices_reason(
    cloud: LocalCloud, step: str | int
) -> None:
    with updating(cloud) as device:
        device.progress(step, "because")
        device.progress("50")
        device.ping()
    task = cloud.wait_task(PK, DN, "1.1.0", "FAILED")
    assert (task.step, task.desc) == (int(step), "because")


def test_a_job_can_be_refused_before_it_began(cloud: LocalCloud) -> None:
    with online(cloud) as device:
        cloud.push(PK, DN, "1.1.0")
        device.push()
        device.progress("-1", "not now")
        device.ping()
    assert state(cloud) == "FAILED"


def test_step_0_starts_a_task_as_the_c_sdk_does(cloud: LocalCloud) -> None:
    with online(cloud) as device:
        cloud.push(PK, DN, "1.1.0")
        device.push()
        device.progress("0", "")
        device.ping()
    assert state(cloud) == "IN_PROGRESS"


def test_a_third_version_fails_a_task_that_is_updating(cloud: LocalCloud) -> None:
    with updating(cloud) as device:
        device.report("0.9.0")
        device.ping()
    task = cloud.task(PK, DN, "1.1.0")
    assert task.state == "FAILED"
    assert "0.9.0" in task.desc


def test_a_third_version_before_updating_only_changes_the_source(cloud: LocalCloud) -> None:
    with online(cloud) as device:
        cloud.push(PK, DN, "1.1.0")
        device.push()
        device.report("0.9.0")
        device.push()
        device.progress("1")
        device.report("0.9.0")
        device.push()
    assert cloud.task(PK, DN, "1.1.0").source == "0.9.0"
    assert state(cloud) == "IN_PROGRESS"


def test_the_old_version_reported_again_does_not_fail_the_task(cloud: LocalCloud) -> None:
    with updating(cloud) as device:
        device.report("1.0.0")
        device.push()
    assert state(cloud) == "IN_PROGRESS"


def test_progress_without_an_offered_task_changes_nothing(cloud: LocalCloud) -> None:
    with online(cloud, None) as device:
        cloud.push(PK, DN, "1.1.0")
        device.progress("-1", "about an older task")
        device.ping()
    assert state(cloud) == "QUEUED"


def test_a_version_that_only_resembles_the_target_is_no_success(cloud: LocalCloud) -> None:
    with online(cloud) as device:
        cloud.push(PK, DN, "1.1.0")
        device.push()
        for version in ("1.1.0-rc", "1.1", "v1.1.0"):
            device.report(version)
            device.push()
    assert state(cloud) == "NOTIFIED"


def test_a_long_reason_is_cut_and_told(cloud: LocalCloud) -> None:
    with updating(cloud) as device:
        device.progress("-1", "x" * 129)
        device.ping()
    assert cloud.task(PK, DN, "1.1.0").desc == "x" * 128
    assert cloud.violations[-1].rule == "desc"


# --- time-out ---


def test_the_time_out_counts_from_the_first_progress(cloud: LocalCloud) -> None:
    with online(cloud, keepalive=1200) as device:
        cloud.push(PK, DN, "1.1.0", timeout_min=10)
        device.push()
        # No progress yet: the task waits for ever, as the platform's users know.
        cloud.advance(1000)
        assert state(cloud) == "NOTIFIED"
        device.progress("1")
        device.ping()
        cloud.advance(590)
        device.progress("2")
        device.ping()
        assert state(cloud) == "IN_PROGRESS"
        cloud.advance(11)
        task = cloud.wait_task(PK, DN, "1.1.0", "FAILED")
        assert "10 min" in task.desc
        # A late success is too late.
        device.report("1.1.0")
        device.ping()
        assert state(cloud) == "FAILED"


def test_without_a_time_out_a_task_goes_on(cloud: LocalCloud) -> None:
    with updating(cloud):
        cloud.advance(10_000_000)
        assert state(cloud) == "IN_PROGRESS"


def test_a_task_that_succeeded_in_time_does_not_fail_later(cloud: LocalCloud) -> None:
    with updating(cloud, timeout_min=1) as device:
        device.report("1.1.0")
        device.ping()
        cloud.advance(100)
    assert state(cloud) == "SUCCEEDED"


def test_a_time_out_survives_a_restart(tmp_path: Path) -> None:
    with LocalCloud(tmp_path) as cloud:
        prepare(cloud)
        updating(cloud, timeout_min=5).sock.close()
    with LocalCloud(tmp_path) as cloud:
        assert state(cloud) == "IN_PROGRESS"
        cloud.advance(301)
        cloud.wait_task(PK, DN, "1.1.0", "FAILED")


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
        prepare(cloud)
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
