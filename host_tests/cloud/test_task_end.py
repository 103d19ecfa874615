"""How a task goes and ends: by the version, by the device's word, by its time."""

from __future__ import annotations

from pathlib import Path

import pytest

from host_tests.kit.raw_mqtt import DN, PK, online
from host_tests.kit.tasks import offered, state, three_versions, updating
from tools.cloud import LocalCloud

prepare = three_versions


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
    with offered(cloud) as device:
        device.progress("-1", "not now")
        device.ping()
    assert state(cloud) == "FAILED"


def test_step_0_starts_a_task_as_the_c_sdk_does(cloud: LocalCloud) -> None:
    with offered(cloud) as device:
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
    with offered(cloud) as device:
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
    with offered(cloud) as device:
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
        three_versions(cloud)
        updating(cloud, timeout_min=5).sock.close()
    with LocalCloud(tmp_path) as cloud:
        assert state(cloud) == "IN_PROGRESS"
        cloud.advance(301)
        cloud.wait_task(PK, DN, "1.1.0", "FAILED")
