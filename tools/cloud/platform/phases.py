"""A rollout in phases that stops itself, at the stand-in and at the platform alike.

Nothing but the API's own calls: each phase is one or more static batches of named devices. What
a look finds decides; how far it is stands in a file (rollout_state.py), so that any look may be
the last one of a program, and the next one another's.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from tools.cli import Refused
from tools.cloud.operator.show import Row
from tools.cloud.platform import batches, packages, rollout_state, stopping
from tools.cloud.platform.api import Api, NoAnswer
from tools.cloud.platform.fleet import Fleet
from tools.cloud.platform.phase_tasks import PhaseTasks
from tools.cloud.platform.plan import Phase, Plan
from tools.cloud.platform.rollout_state import DONE, RUNNING, STOPPED, Begun

_BATCH_DEVICES, _VERIFY_DEVICES = 200, 10
_FEW = 10  # devices that are asked at each look while they soak; more only at the end


class PassingTime(Protocol):
    """The time a rollout lives in: `time` and `sleep` of the module, or a test's."""

    def time(self) -> float:
        """Seconds since 1970."""

    def sleep(self, seconds: float, /) -> None:
        """Let them pass."""


class Phases:
    """One rollout. `tell` hears of what happens, as a dictionary with an `event`."""

    def __init__(
        self,
        api: Api,
        plan: Plan,
        path: Path,
        held: rollout_state.Standing,
        clock: PassingTime,
        tell: Callable[[Row], None],
    ) -> None:
        self.standing = held
        self._api = api
        self._plan = plan
        self._path = path
        self._clock = clock
        self._tell = tell
        self._fleet = Fleet(api, plan)
        self._tasks = PhaseTasks(api, held)
        self._told: Row | None = None

    def look(self) -> str:
        """Find out how far it is and do what is due: RUNNING, DONE or STOPPED. Raises Refused."""
        now = self.standing
        try:
            if now.state == RUNNING:
                self._pause()
                if not now.paused and (now.todo or not now.of(now.phase)):
                    self._offer()
                self._judge()
        finally:
            rollout_state.save(self._path, now)
        return now.state

    def stop(self, why: str) -> int:
        """Cancel what has not begun and end the rollout; how many devices that spared."""
        now = self.standing
        spared = 0
        for one in now.batches:
            spared += self._tasks.cancel(one, "Queued", "Notified", "Unconfirmed", "Scheduled")
        now.state, now.why = STOPPED, why
        rollout_state.save(self._path, now)
        return spared

    # --- a phase begins ---

    def _begin(self) -> None:
        now = self.standing
        chosen = self._fleet.chosen(self._phase, now.offered)
        now.began, now.enough = self._clock.time(), None
        if not chosen:
            self._tell({**self._head("skipped"), "why": "no further device for it"})
            self._next()
            return
        now.todo = chosen
        self._tell({**self._head("begins"), "devices": len(chosen)})

    def _offer(self) -> None:
        now = self.standing
        package = self._package_now()  # without one nothing begins
        if not now.todo:
            self._begin()
        if not now.todo:
            return
        try:
            self._make(package, now.todo)
        except NoAnswer:
            raise  # it may have been made: see _adopt()
        except Refused:
            now.doubt = False
            if not now.batches:
                now.todo = []  # it has not begun: the plan may be corrected
            raise

    def _make(self, package: Row, names: list[str]) -> None:
        fields: dict[str, Any] = {
            "FirmwareId": package["package"],
            "ProductKey": self._plan.product,
        }
        # A package that was never tried is tried by the first phase.
        verify = package["verification"] in ("unverified", "failed")
        if verify and len(names) > _VERIFY_DEVICES:
            raise Refused(
                f"{self._plan.version} has not been verified, and the phase has {len(names)} "
                "devices",
                f"Begin with a phase of up to {_VERIFY_DEVICES}, or use `release verify`.",
            )
        if self.standing.doubt:
            self._adopt(package["package"], verify)
            names = list(self.standing.todo)
        for at in range(0, len(names), _BATCH_DEVICES):
            some = names[at : at + _BATCH_DEVICES]
            # Kept before and after: a batch that nobody remembers would go on without a threshold.
            self.standing.doubt = True
            rollout_state.save(self._path, self.standing)
            if verify:
                kept = ("TimeoutInMinutes", "DownloadProtocol")
                terms = {name: self._plan.terms.get(name) for name in kept}
                made = self._api.call(
                    "CreateOTAVerifyJob", TargetDeviceName=some, **fields, **terms
                )
            else:
                made = self._api.call(
                    "CreateOTAStaticUpgradeJob",
                    TargetSelection="SPECIFIC",
                    TargetDeviceName=some,
                    **fields,
                    **self._plan.terms,
                )
            self._made(made["Data"]["JobId"], some, verify)

    def _made(self, job: str, names: list[str], verify: bool) -> None:
        now = self.standing
        now.batches.append(Begun(now.phase, job, names, verify))
        now.todo = [name for name in now.todo if name not in names]
        now.doubt = False
        rollout_state.save(self._path, now)
        self._tell({**self._head("batch"), "devices": len(names), "job": job})

    def _adopt(self, package: str, verify: bool) -> None:
        """Find the batch that was made while its answer was lost: by the devices in it."""
        known = {one.job for one in self.standing.batches}
        for said in self._api.pages(
            "ListOTAJobByFirmware", "Data", "SimpleOTAJobInfo", FirmwareId=package
        ):
            if said["JobId"] not in known:
                names = [row["device"] for row in batches.tasks(self._api, said["JobId"])]
                if names and set(names) <= set(self.standing.todo):
                    self._made(said["JobId"], names, verify)
        self.standing.doubt = False

    def _package_now(self) -> Row:
        plan = self._plan
        return packages.package(self._api, plan.product, plan.version, plan.module, plan.source)

    # --- and is judged ---

    def _judge(self) -> None:
        now = self.standing
        if now.state != RUNNING:
            return
        for number in range(now.phase + 1):
            rows = self._tasks.devices(number)
            if self._stopped(stopping.too_many_failed(number, rows, self._plan)):
                return
        rows = self._tasks.devices(now.phase)
        if not rows:
            return
        counts = batches.counts(rows)
        told = {**self._head("progress"), "counts": counts}
        if told != self._told:
            self._told = told
            self._tell(told)
        if not now.paused:
            self._advance(rows, counts.get("SUCCEEDED", 0))

    def _advance(self, rows: list[Row], succeeded: int) -> None:
        now, phase = self.standing, self._phase
        need = stopping.needed(rows, any(one.verify for one in now.of(now.phase)), self._plan)
        time = self._clock.time()
        if succeeded < need:
            late = phase.limit_s is not None and time - (now.began or time) >= phase.limit_s
            self._stopped(stopping.too_few_succeeded(now.phase, rows, need, late))
            return
        if now.enough is None:
            now.enough = time
            if phase.soak_s:
                self._tell({**self._head("soaks"), "minutes": phase.soak_s / 60})
        soaked = time - now.enough >= phase.soak_s
        if (soaked or len(rows) <= _FEW) and self._fell_back(rows):
            return
        if soaked:
            self._tell({**self._head("passed"), "succeeded": succeeded, "devices": len(rows)})
            self._next()

    def _fell_back(self, rows: list[Row]) -> bool:
        """Stop when too many report another version again; a success is not taken back by that.

        To the platform a task has succeeded as soon as the new version is reported: what a board
        finds out afterwards, it tells by the version that it comes back to.
        """
        fallen = []
        for row in rows:
            if row["state"] == "SUCCEEDED":
                version = self._fleet.version(row["device"])
                if version != self._plan.version:
                    fallen.append({**row, "why": f"reports {version} again"})
        number = self.standing.phase
        return self._stopped(stopping.too_many_fell_back(number, rows, fallen, self._plan))

    def _next(self) -> None:
        now = self.standing
        now.phase += 1
        if now.phase == len(self._plan.phases):
            now.phase -= 1
            if not now.batches:
                now.phase = 0
                if have := len(self._fleet.have_it()):
                    whose = "the device reports" if have == 1 else f"all {have} devices report"
                    raise Refused(
                        f"{whose} {self._plan.version} already",
                        "Nothing is left to do: `device versions` shows what they run.",
                    )
                raise Refused(
                    f"no device of {self._plan.product} is there for {self._plan.version}",
                    "`device list` shows who is there, `device versions` what they run.",
                )
            now.state = DONE
            rows = [row for number in range(now.phase + 1) for row in self._tasks.devices(number)]
            succeeded = sum(row["state"] == "SUCCEEDED" for row in rows)
            self._tell({"event": "done", "succeeded": succeeded, "devices": len(rows)})

    def _stopped(self, stop: stopping.Stop | None) -> bool:
        """Stop, if there is a reason to; whether there was."""
        if stop is None:
            return False
        spared = self.stop(stop.why)
        self._tell(
            {
                "event": "stopped",
                "why": stop.why,
                "failed": [{"device": row["device"], "why": row["why"]} for row in stop.devices],
                "cancelled": spared,
            }
        )
        return True

    # --- pause and resume ---

    def _pause(self) -> None:
        now = self.standing
        wanted = rollout_state.pause_of(self._path).exists()
        if wanted and not now.paused:
            now.paused = True
            for one in now.of(now.phase):
                queued = [
                    r["device"] for r in self._tasks.of(one) if r["state"] in ("QUEUED", "CONFIRM")
                ]
                if queued:
                    self._tasks.cancel(one, "Queued", "Unconfirmed", "Scheduled")
                    left = {r["device"] for r in self._tasks.of(one) if r["state"] == "CANCELED"}
                    now.held += [name for name in queued if name in left]
            self._tell({**self._head("paused"), "held": len(now.held)})
        elif now.paused and not wanted:
            now.paused, now.enough = False, None  # it soaks anew
            self._tell({**self._head("resumed"), "devices": len(now.held)})
            now.todo += now.held
            now.held = []

    # --- words ---

    @property
    def _phase(self) -> Phase:
        return self._plan.phases[self.standing.phase]

    def _head(self, event: str) -> Row:
        return {
            "event": event,
            "phase": self.standing.phase + 1,
            "of": len(self._plan.phases),
            "for": str(self._phase),
        }
