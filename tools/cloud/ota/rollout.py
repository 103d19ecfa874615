"""Batches while the server runs: who may be told now, who is tried again, who is matched.

"OTA updates" (89307), "Create an update batch". Whether a query may be answered before a batch's
rate allows it is not documented; here the rate holds for pushes and queries alike, as it is there
to spare the downloads.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import replace

from tools.cloud.clock import Clock, Timer
from tools.cloud.identity import Identity
from tools.cloud.ota import retry
from tools.cloud.ota.batches import MATCHES, BatchBook, terms_of
from tools.cloud.ota.tasks import TaskBook
from tools.cloud.records import Records
from tools.cloud.store import Batch, Task

_MINUTE_S = 60.0
_TOGETHER = 50  # are pushed before everybody else at the stand-in has a turn
_ALL = 0  # no batch has this number
_STEP_S = 1.0  # the rate is looked at so often: not for each device that it lets through


class Rollout:
    """`offer(task)` pushes a task if it may be pushed; it asks may_tell() first."""

    def __init__(
        self, book: TaskBook, clock: Clock, records: Records, offer: Callable[[Task], bool]
    ) -> None:
        self.batches = BatchBook(book)
        self._store = book.store
        self._clock = clock
        self._records = records
        self._offer = offer
        # batch -> when devices were told, this minute
        self._told: defaultdict[int, deque[float]] = defaultdict(deque)
        # batch, or _ALL -> tasks whose turn has not come
        self._waiting: dict[int, deque[int]] = {}
        self._opens: dict[int, Timer] = {}  # batch -> when its rate allows the next one
        # Those that were waiting when the server stopped.
        for task in self._store.tasks("state in ('CONFIRM', 'QUEUED') and due is not null"):
            self._retry_later(task)
        for batch in self._store.batches("state = 'RUNNING'"):
            self._end_later(batch)

    def may_tell(self, task: Task, *, push: bool = False) -> bool:
        """True when the terms of its batch let a device know about its task now."""
        if task.state == "CONFIRM" or (task.due is not None and task.due > self._clock.time()):
            return False
        if task.batch is None:
            return True
        terms = terms_of(self.batches.batch(task.batch))
        if push and not terms.push:
            return False
        if terms.rate is None or task.state != "QUEUED":
            return True
        now = self._clock.monotonic()
        told = self._told[task.batch]
        while told and now - told[0] >= _MINUTE_S:
            told.popleft()
        if len(told) < terms.rate:
            return True
        self._open_later(task.batch, told[0] + _MINUTE_S - now)
        return False

    def told(self, task: Task) -> None:
        """A task was pushed, or answered to a query."""
        if task.batch is not None and task.state == "QUEUED":
            self._told[task.batch].append(self._clock.monotonic())

    def begin(self, batch: Batch) -> None:
        """Push what a new batch allows now, and the rest at its time."""
        for task in self._store.tasks("batch = ? and due is not null", batch.id):
            self._retry_later(task)
        self._end_later(batch)
        self.release(batch.id)

    def _end_later(self, batch: Batch) -> None:
        ends = terms_of(batch).ends
        if ends is not None:
            left = max(0.0, ends - self._clock.time())
            self._clock.call_later(left, lambda: self._end(batch.id))

    def _end(self, number: int) -> None:
        if self.batches.batch(number).state == "RUNNING":
            self._store.end_batch(number, "ENDED")
            names = [task.device_name for task in self.batches.tasks(number)]
            if names:
                self.batches.cancel(number, names, f"batch {number} has come to its end time")

    def release(self, batch: int) -> int:
        """Push what a batch allows now, in the order of its tasks; how many were sent at once."""
        return self._push(batch, "batch = ? and state = 'QUEUED'", batch)

    def release_all(self) -> None:
        """Push what waits for its first push, of every batch and of none (a broker came back)."""
        self._push(_ALL, "state = 'QUEUED'")

    def _push(self, key: int, where: str, *values: object) -> int:
        going_on = key in self._waiting
        self._waiting[key] = deque(self._store.task_numbers(where, *values))
        return 0 if going_on else self._push_some(key)

    def _push_some(self, key: int) -> int:
        """The next ones; the others in further turns of the loop, where more than these wait."""
        numbers, sent = self._waiting[key], 0
        for _ in range(min(_TOGETHER, len(numbers))):
            if key in self._opens:  # its rate is used up: no need to ask for each of the others
                numbers.clear()
                break
            try:
                task = self._store.task_by_id(numbers.popleft())
            except KeyError:  # it was removed meanwhile
                continue
            sent += task.state == "QUEUED" and self._offer(task)
        if numbers:
            self._clock.call_later(0, lambda: self._go_on(key))
        else:
            del self._waiting[key]
        return sent

    def _go_on(self, key: int) -> None:
        self._push_some(key)

    def _open_later(self, batch: int, delay_s: float) -> None:
        if batch not in self._opens:
            delay_s = max(delay_s, _STEP_S)
            self._opens[batch] = self._clock.call_later(delay_s, lambda: self._open(batch))

    def _open(self, batch: int) -> None:
        del self._opens[batch]
        self.release(batch)

    # --- trying again ---

    def failed(self, task: Task) -> None:
        """A device failed by itself (not by a time-out): queue it again if its batch says so."""
        if task.batch is None:
            return
        batch = self.batches.batch(task.batch)
        after = retry.wait_min(task, batch)
        if after is None:
            return
        again = self._store.move_task(
            task,
            self._clock.time(),
            event=f"retry {task.retries + 1} of {terms_of(batch).retry_times} in {after} min",
            state="QUEUED",
            source=self._store.version(task.identity, task.module) or "",
            retries=task.retries + 1,
            due=self._clock.time() + after * 60,
            started=None,
        )
        self._records.note("task", task.identity, f"{task.version} QUEUED: retry in {after} min")
        self._retry_later(again)

    def _retry_later(self, task: Task) -> None:
        assert task.due is not None
        left = max(0.0, task.due - self._clock.time())
        self._clock.call_later(left, lambda: self._retry(task.id))

    def _retry(self, number: int) -> None:
        task = self._store.task_by_id(number)
        # It may have been cancelled meanwhile, or offered already when its device came back.
        if task.state == "QUEUED":
            # It is due, whatever the wall clock says: that may have been set meanwhile.
            self._offer(replace(task, due=None))

    # --- dynamic batches ---

    def task_of(self, identity: Identity, module: str, version: str) -> Task | None:
        """What a device that reports `version` has to do: its task, or that of a dynamic batch.

        The newest dynamic batch that the version meets decides; a device is never moved away from
        the target of a newer one.
        """
        busy = self._store.unfinished(identity, module)
        if busy is not None and busy.version == version:
            return busy
        for batch in reversed(
            self._store.batches(
                "dynamic and state = 'RUNNING' and pk = ? and module = ?",
                identity.product_key,
                module,
            )
        ):
            terms = terms_of(batch)
            if version == batch.version or (busy is not None and busy.batch == batch.id):
                return busy
            if terms.sources and version not in terms.sources:
                continue
            if busy is not None and not (terms.override and (busy.batch or 0) < batch.id):
                return busy
            # (The product, too: the index is of both. That of the batch has all of its devices.)
            before = self._store.task_numbers(
                "pk = ? and dn = ? and +batch = ?",
                identity.product_key,
                identity.device_name,
                batch.id,
            )
            if len(before) < MATCHES:
                return self.batches.add_task(batch, identity)
            self._records.note(
                "task", identity, f"batch {batch.id} has matched it {MATCHES} times: no more"
            )
            return busy
        return busy
