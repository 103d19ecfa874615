"""Batches as an operator makes them: one release, many devices, the platform's terms.

"Create an update batch", "CreateOTAStaticUpgradeJob" and "CreateOTADynamicUpgradeJob". A static
batch is for the devices that meet its terms now; a dynamic one goes on and matches devices that
report later. What happens while a server runs is rollout.py's business.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tools.cli import Refused
from tools.cloud.identity import Identity
from tools.cloud.ota.tasks import (
    DEFAULT_MODULE,
    WHOLE,
    TaskBook,
    check_timeout,
)
from tools.cloud.store import Batch, Task

RETRY_AFTER_MIN = (0, 10, 30, 60, 1440)
RETRY_TIMES = (1, 2, 5)
RATE_MAX = 10_000
# A dynamic batch matches the same device this often, then never again.
MATCHES = 10


@dataclass(frozen=True)
class Terms:
    """What holds for every device of a batch.

    `devices` are names, `sources` reported versions; () means whichever. `timeout_min` counts
    from the first progress. A device that fails is tried again `retry_times` times, each
    `retry_after_min` later. `confirm`: nobody is told before it is confirmed. `override`: an
    unfinished task is cancelled. `rate`: devices told in a minute. `push` False: told on a query
    only. `scheme` and `data` are as in LocalCloud.push. `percent`: so many of those that meet the
    terms, one at least. `starts` and `ends`, in seconds since 1970: nobody is told before, and who
    has not finished then is cancelled. `whole`: differences are not offered. `later`: a dynamic
    batch leaves out those that have reported already.
    """

    devices: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    timeout_min: int | None = None
    retry_after_min: int | None = None
    retry_times: int = 1
    confirm: bool = False
    override: bool = False
    rate: int | None = None
    push: bool = True
    scheme: str = "https"
    data: dict[str, Any] = field(default_factory=dict)
    percent: float | None = None
    starts: float | None = None
    ends: float | None = None
    whole: bool = False
    later: bool = False

    def check(self) -> None:
        """Raise Refused for terms that the platform does not have."""
        check_timeout(self.timeout_min)
        if self.retry_after_min is not None and self.retry_after_min not in RETRY_AFTER_MIN:
            raise Refused(
                f"the platform has no retry after {self.retry_after_min} min",
                f"Use {_any(RETRY_AFTER_MIN)}.",
            )
        if self.retry_times not in RETRY_TIMES:
            raise Refused(
                f"the platform does not try {self.retry_times} times again",
                f"Use {_any(RETRY_TIMES)}.",
            )
        if self.rate is not None and not 1 <= self.rate <= RATE_MAX:
            raise Refused(
                f"the platform does not tell {self.rate} devices a minute",
                f"Use 1 to {RATE_MAX}.",
            )


def _any(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers[:-1])) + f" or {numbers[-1]}"


def _share(chosen: list[Identity], percent: float, version: str) -> list[Identity]:
    """So many of them, rounded down, one at least: for each version others."""

    def place(identity: Identity) -> bytes:
        return hashlib.sha256(f"{version} {identity}".encode()).digest()

    count = max(1, int(len(chosen) * percent / 100))
    return sorted(sorted(chosen, key=place)[:count])


def terms_of(batch: Batch) -> Terms:
    """A batch's terms, as they were stored."""
    stored = dict(batch.terms)
    for key in ("devices", "sources"):
        stored[key] = tuple(stored.get(key, ()))
    return Terms(**stored)


class BatchBook:
    """Adds, confirms and cancels batches, with or without the server running."""

    def __init__(self, book: TaskBook) -> None:
        self._book = book
        self._store = book.store

    def add(
        self,
        product_key: str,
        version: str,
        terms: Terms,
        *,
        module: str = DEFAULT_MODULE,
        dynamic: bool = False,
    ) -> Batch:
        """Make a batch, and the tasks of who meets its terms now. Raises Refused."""
        self._book.release(product_key, module, version)
        terms.check()
        if dynamic and terms.devices:
            raise Refused("a dynamic batch is for whoever reports", "Leave the device names out.")
        chosen = self._chosen(product_key, version, terms, module, dynamic)
        if terms.percent is not None:
            chosen = _share(chosen, terms.percent, version)
        if not chosen and not dynamic:
            raise Refused(
                f"no device of {product_key} meets these terms, so there is nothing to do",
                "See `status` for what they have reported.",
            )
        batch = self._store.add_batch(
            Batch(
                0,
                product_key,
                module,
                version,
                dynamic,
                "RUNNING",
                self._book.clock.time(),
                asdict(terms),
            )
        )
        with self._store.together():
            for identity in chosen:
                self.add_task(batch, identity)
        return batch

    def _chosen(
        self, product_key: str, version: str, terms: Terms, module: str, dynamic: bool
    ) -> list[Identity]:
        known = {d.device_name: d for d in self._store.devices() if d.product_key == product_key}
        unknown = [name for name in terms.devices if name not in known]
        if unknown:
            raise Refused(
                f"there is no device {product_key}/{unknown[0]}",
                f"Add it first: device add {product_key} {unknown[0]}; or correct the name: "
                "`device list` shows those there are.",
            )
        chosen = []
        for identity in [known[name] for name in dict.fromkeys(terms.devices)] or known.values():
            reported = self._store.version(identity, module)
            if terms.sources and reported not in terms.sources:
                continue
            # Who has it already has nothing to do; a dynamic batch waits for the first report.
            if reported == version or (dynamic and (reported is None or terms.later)):
                continue
            chosen.append(identity)
        return chosen

    def add_task(self, batch: Batch, identity: Identity) -> Task:
        """The task of one device in a batch; failed at once if the device is busy."""
        terms = terms_of(batch)
        options: dict[str, Any] = {"scheme": terms.scheme, "data": terms.data}
        if terms.whole:
            options[WHOLE] = True
        # As the platform has it: what a device has begun is not overridden.
        busy = self._store.unfinished(identity, batch.module)
        return self._book.add_task(
            identity.product_key,
            identity.device_name,
            batch.version,
            module=batch.module,
            timeout_min=terms.timeout_min,
            override=terms.override and (busy is None or busy.state != "IN_PROGRESS"),
            options=options,
            batch=batch.id,
            confirm=terms.confirm,
            due=terms.starts,
        )

    def batch(self, number: int) -> Batch:
        """A batch by its number. Raises Refused."""
        found = self._store.batches("id = ?", number)
        if not found:
            raise Refused(f"there is no batch {number}", "`status` lists them.")
        return found[0]

    def tasks(self, number: int, names: Sequence[str] = ()) -> list[Task]:
        """A batch's tasks, of these devices or of all. Raises Refused."""
        batch = self.batch(number)
        if not names:
            return self._store.tasks("batch = ?", number)
        found: dict[int, Task] = {}
        for name in dict.fromkeys(names):
            own = self._store.tasks(
                "pk = ? and dn = ? and +batch = ?", batch.product_key, name, number
            )
            if not own:
                raise Refused(
                    f"{batch.product_key}/{name} is not in batch {number}",
                    "`status` lists who is.",
                )
            found.update((task.id, task) for task in own)
        return [found[one] for one in sorted(found)]

    def confirm(self, number: int, names: Sequence[str] = ()) -> int:
        """Let the devices be told that wait for it; how many those were. Raises Refused."""
        waiting = [task for task in self.tasks(number, names) if task.state == "CONFIRM"]
        for task in waiting:
            self._store.move_task(task, self._book.clock.time(), event="confirmed", state="QUEUED")
            self._book.records.note("task", task.identity, f"{task.version} confirmed, QUEUED")
        return len(waiting)

    def cancel(self, number: int, names: Sequence[str] = (), why: str = "") -> int:
        """Cancel what is unfinished, and without names the batch; how many tasks those were."""
        why = why or f"batch {number} was cancelled by the operator"
        unfinished = [task for task in self.tasks(number, names) if task.unfinished]
        if not names:
            self._store.end_batch(number)
        for task in unfinished:
            self._book.finish(task, "CANCELED", why)
        return len(unfinished)
