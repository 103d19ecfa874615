"""What ends a task, what a device may say of its progress, and who is tried again: as tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tools.cloud.ota import progress, retry, verdicts
from tools.cloud.store import Batch, Task

TASK = Task(
    id=1,
    product_key="a1B2c3D4e5F",
    device_name="greenhouse_07",
    module="default",
    version="1.1.0",
    source="1.0.0",
    state="NOTIFIED",
    step=None,
    desc="",
    timeout_min=30,
    created=0.0,
    started=None,
    release=1,
    batch=1,
    retries=0,
    due=None,
    options={},
)
BATCH = Batch(1, "a1B2c3D4e5F", "default", "1.1.0", False, "RUNNING", 0.0, {})


@pytest.mark.parametrize(
    ("state", "version", "ends"),
    [
        ("QUEUED", "1.1.0", "SUCCEEDED"),
        ("NOTIFIED", "1.1.0", "SUCCEEDED"),
        ("IN_PROGRESS", "1.1.0", "SUCCEEDED"),
        ("QUEUED", "0.9.0", None),
        ("NOTIFIED", "0.9.0", None),
        ("IN_PROGRESS", "1.0.0", None),
        ("IN_PROGRESS", "0.9.0", "FAILED"),
    ],
)
def test_the_version_that_a_device_reports_decides(
    state: str, version: str, ends: str | None
) -> None:
    verdict = verdicts.of_version(replace(TASK, state=state), version)
    assert (verdict and verdict.state) == ends


@pytest.mark.parametrize("step", [0, 1, 99, 100])
def test_a_hundred_percent_is_no_success(step: int) -> None:
    assert verdicts.of_step(step, "") is None


@pytest.mark.parametrize("step", [-1, -2, -3, -4])
def test_a_failure_is_told_in_the_devices_own_words(step: int) -> None:
    assert verdicts.of_step(step, "E31 flash") == ("FAILED", "E31 flash")


def test_a_device_that_says_nothing_in_time_has_failed() -> None:
    state, why = verdicts.of_time(TASK)
    assert state == "FAILED"
    assert "within 30 min" in why


@pytest.mark.parametrize(("said", "step"), [(0, 0), ("100", 100), (-4, -4), ("-1", -1)])
def test_a_step_is_a_number_or_its_text(said: Any, step: int) -> None:
    assert progress.step_of({"step": said}) == step


@pytest.mark.parametrize("said", [101, -5, True, None, 1.5, "x", "", [1]])
def test_a_step_that_is_none_is_refused(said: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        progress.step_of({"step": said})


def test_a_long_text_is_cut_and_its_length_told() -> None:
    assert progress.desc_of({"desc": "x" * 200}) == ("x" * 128, 200)
    assert progress.desc_of({}) == ("", 0)


@pytest.mark.parametrize(
    ("terms", "retries", "state", "wait"),
    [
        ({}, 0, "RUNNING", None),
        ({"retry_after_min": 10}, 0, "RUNNING", 10),
        ({"retry_after_min": 0}, 0, "RUNNING", 0),
        ({"retry_after_min": 10}, 1, "RUNNING", None),
        ({"retry_after_min": 10, "retry_times": 5}, 4, "RUNNING", 10),
        ({"retry_after_min": 10, "retry_times": 5}, 5, "RUNNING", None),
        ({"retry_after_min": 10}, 0, "CANCELED", None),
        ({"retry_after_min": 10}, 0, "ENDED", None),
    ],
)
def test_a_device_that_failed_is_tried_again_as_its_batch_says(
    terms: dict[str, Any], retries: int, state: str, wait: int | None
) -> None:
    batch = replace(BATCH, terms=terms, state=state)
    assert retry.wait_min(replace(TASK, retries=retries), batch) == wait
