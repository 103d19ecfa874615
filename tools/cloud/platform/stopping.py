"""When a rollout stops itself: too many devices failed, fell back, or did not succeed.

Rows are those of one phase, with `device`, `state` and `why`; phases count from 0.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from tools.cloud.operator.show import Row
from tools.cloud.platform import batches
from tools.cloud.platform.plan import Plan


class Stop(NamedTuple):
    """Why it stops, and the devices that it stops for."""

    why: str
    devices: list[Row]


def too_many_failed(phase: int, rows: list[Row], plan: Plan) -> Stop | None:
    """More than failed-percent of a phase, which may be one that has passed."""
    failed, allowed = _failed(rows), _allowed(rows, plan)
    if len(failed) <= allowed:
        return None
    return Stop(
        f"phase {phase + 1}: {len(failed)} of {len(rows)} devices failed, {allowed} may", failed
    )


def too_many_fell_back(phase: int, rows: list[Row], fallen: list[Row], plan: Plan) -> Stop | None:
    """The same with those in it that report another version again after their success."""
    failed, allowed = _failed(rows), _allowed(rows, plan)
    if len(failed) + len(fallen) <= allowed:
        return None
    return Stop(
        f"phase {phase + 1}: of {len(rows)} devices {len(failed)} failed and "
        f"{len(fallen)} fell back, {allowed} may",
        failed + fallen,
    )


def needed(rows: list[Row], verifies: bool, plan: Plan) -> int:
    """How many have to succeed before a phase passes; all, where it verifies the package."""
    return len(rows) if verifies else math.ceil(len(rows) * plan.enough_percent / 100)


def too_few_succeeded(phase: int, rows: list[Row], need: int, late: bool) -> Stop | None:
    """Less than that, and nothing more to come; or its time is over (`late`)."""
    if not late and any(row["state"] in batches.UNFINISHED for row in rows):
        return None
    others = [row for row in rows if row["state"] != "SUCCEEDED"]
    return Stop(
        f"phase {phase + 1}: {len(rows) - len(others)} of {len(rows)} devices succeeded "
        f"{'in time' if late else 'at all'}, {need} have to",
        others,
    )


def _failed(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["state"] == "FAILED"]


def _allowed(rows: list[Row], plan: Plan) -> int:
    return int(len(rows) * plan.failed_percent / 100)
