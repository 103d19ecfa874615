"""When a rollout stops: one failure too few costs a fleet its update, one too many its boards."""

from __future__ import annotations

import pytest

from tools.cloud.operator.show import Row
from tools.cloud.platform import stopping
from tools.cloud.platform.plan import Plan


def plan(failed: float = 20, enough: float = 80) -> Plan:
    return Plan("pk", "1.1.0", "default", None, (), failed, enough, (), {})


def rows(**counts: int) -> list[Row]:
    """So many devices in each state."""
    return [
        {"device": f"{state}_{n}", "state": state.upper(), "why": "told"}
        for state, count in counts.items()
        for n in range(count)
    ]


@pytest.mark.parametrize(
    ("failed", "devices", "percent", "stops"),
    [
        (0, 10, 0, False),
        (1, 10, 0, True),
        (2, 10, 20, False),
        (3, 10, 20, True),
        (1, 4, 20, True),  # a fifth of four is none
        (10, 10, 100, False),
    ],
)
def test_a_phase_may_have_its_share_of_failures_and_not_one_more(
    failed: int, devices: int, percent: float, stops: bool
) -> None:
    found = rows(failed=failed, succeeded=devices - failed)
    stop = stopping.too_many_failed(2, found, plan(failed=percent))
    assert (stop is not None) == stops
    if stop is not None:
        assert stop.why.startswith(f"phase 3: {failed} of {devices} devices failed, ")
        assert len(stop.devices) == failed


def test_those_that_fell_back_count_with_those_that_failed() -> None:
    found = rows(failed=1, succeeded=9)
    fell = [{**found[1], "why": "reports 1.0.0 again"}, {**found[2], "why": "reports 1.0.0 again"}]
    assert stopping.too_many_fell_back(0, found, fell[:1], plan()) is None
    stop = stopping.too_many_fell_back(0, found, fell, plan())
    assert stop is not None
    assert stop.why == "phase 1: of 10 devices 1 failed and 2 fell back, 2 may"
    assert [one["device"] for one in stop.devices] == ["failed_0", "succeeded_0", "succeeded_1"]


@pytest.mark.parametrize(
    ("devices", "verifies", "need"), [(10, False, 8), (9, False, 8), (1, False, 1), (9, True, 9)]
)
def test_a_phase_passes_with_enough_and_a_verification_with_all(
    devices: int, verifies: bool, need: int
) -> None:
    assert stopping.needed(rows(succeeded=devices), verifies, plan()) == need


def test_a_phase_that_goes_on_is_waited_for_unless_it_is_late() -> None:
    going_on = rows(succeeded=1, in_progress=1)
    assert stopping.too_few_succeeded(0, going_on, 2, late=False) is None
    late = stopping.too_few_succeeded(0, going_on, 2, late=True)
    over = stopping.too_few_succeeded(0, rows(succeeded=1, failed=1), 2, late=False)
    assert late is not None
    assert over is not None
    assert late.why == "phase 1: 1 of 2 devices succeeded in time, 2 have to"
    assert over.why == "phase 1: 1 of 2 devices succeeded at all, 2 have to"
