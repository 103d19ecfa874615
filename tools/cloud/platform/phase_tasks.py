"""What the batches of a rollout say of its devices, and what is cancelled of them."""

from __future__ import annotations

from tools.cloud.operator.show import Row
from tools.cloud.platform import batches
from tools.cloud.platform.api import Api
from tools.cloud.platform.rollout_state import Begun, Standing


class PhaseTasks:
    """The tasks of a rollout, asked for at each look; those of a batch that is over only once."""

    def __init__(self, api: Api, standing: Standing) -> None:
        self._api = api
        self._standing = standing
        self._rows: dict[str, list[Row]] = {}  # of batches that are over

    def devices(self, phase: int) -> list[Row]:
        """The devices of a phase, as their last batch has them."""
        found: dict[str, Row] = {}
        held = {*self._standing.held, *self._standing.todo}
        for one in self._standing.of(phase):
            for row in self.of(one):
                found[row["device"]] = row
        # Who was cancelled by somebody else is no part of it any more.
        return [
            row for row in found.values() if row["state"] != "CANCELED" or row["device"] in held
        ]

    def of(self, one: Begun) -> list[Row]:
        """The tasks of a batch."""
        if one.over and one.job in self._rows:
            return self._rows[one.job]
        rows = batches.tasks(self._api, one.job)
        missing = set(one.names) - {row["device"] for row in rows}
        # The platform may make tasks one after the other, or leave somebody out.
        if missing and batches.batch(self._api, one.job)["state"] not in batches.ENDED:
            rows += [{"device": name, "state": "QUEUED", "why": None} for name in missing]
        one.over = bool(rows) and all(row["state"] in ("SUCCEEDED", "CANCELED") for row in rows)
        self._rows[one.job] = rows
        return rows

    def cancel(self, one: Begun, *states: str) -> int:
        """Cancel the tasks of a batch that are in these states; how many those were."""
        before = sum(row["state"] in batches.UNFINISHED for row in self.of(one))
        if not before:
            return 0
        self._api.call(
            "CancelOTATaskByJob", JobId=one.job, **{f"Cancel{name}Task": True for name in states}
        )
        one.over = False
        return before - sum(row["state"] in batches.UNFINISHED for row in self.of(one))
