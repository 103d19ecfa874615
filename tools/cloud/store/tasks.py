"""Tasks with their history, and the batches that made them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from tools.cloud.identity import Identity
from tools.cloud.store.database import Database
from tools.cloud.store.entities import UNFINISHED, Batch, Event, Fall, Task

_TASK_FIELDS = (
    "id, pk, dn, module, version, source, state, step, desc, timeout_min, created, started, "
    "release, batch, retries, due, options"
)


class TaskTables(Database):
    """What is to be done, and what was."""

    def add_task(self, task: Task, reason: str = "") -> Task:
        """Add a task (its `id` is ignored), begin its history, and give it back with its id."""
        with self.together():
            added = self._insert(
                "task",
                _TASK_FIELDS,
                self._next("task"),
                task.product_key,
                task.device_name,
                task.module,
                task.version,
                task.source,
                task.state,
                task.step,
                task.desc,
                task.timeout_min,
                task.created,
                task.started,
                task.release,
                task.batch,
                task.retries,
                task.due,
                json.dumps(task.options),
            )
            self._event(added, task.created, task.state, None, reason)
        return self.task_by_id(added)

    def move_task(
        self, task: Task, now: float, *, step: int | None = None, event: str = "", **changes: Any
    ) -> Task:
        """Change columns of a task and add a line to its history; the task as it is now."""
        columns = dict(changes)
        if step is not None:
            columns["step"] = step
        with self.together():
            assignments = ", ".join(f"{column} = ?" for column in columns)
            self._db.execute(
                f"update task set {assignments} where id = ?", (*columns.values(), task.id)
            )
            state = changes.get("state", task.state)
            self._event(task.id, now, state, step, event)
        return self.task_by_id(task.id)

    def remove_task(self, number: int) -> None:
        """Forget a task and its history. Its number is not given again."""
        with self._db:
            self._db.execute("begin immediate")
            self._db.execute("delete from event where task = ?", (number,))
            self._retire("task", number)

    def set_options(self, task: Task, options: dict[str, Any]) -> Task:
        """Change a task's options; the task as it is now."""
        self._db.execute(
            "update task set options = ? where id = ?", (json.dumps(options), task.id)
        )
        return self.task_by_id(task.id)

    def set_source(self, task: Task, source: str) -> None:
        """Note which version a device that was not updating yet comes from."""
        self._db.execute("update task set source = ? where id = ?", (source, task.id))

    def _event(self, task: int, now: float, state: str, step: int | None, desc: str) -> None:
        self._db.execute(
            "insert into event values (?, ?, ?, ?, ?)", (task, now, state, step, desc)
        )

    def task_by_id(self, number: int) -> Task:
        """A task with its history. Raises KeyError."""
        row = self._numbered("task", _TASK_FIELDS, number)
        history = [
            Event(*line)
            for line in self._db.execute(
                "select time, state, step, desc from event where task = ? order by rowid",
                (number,),
            )
        ]
        columns: tuple[Any, ...] = (*row[:-1], json.loads(row[-1]), history)
        return Task(*columns)

    def tasks(self, where: str = "1", *values: object) -> list[Task]:
        """Tasks that meet a condition on the columns, the oldest first."""
        return [self.task_by_id(number) for number in self.task_numbers(where, *values)]

    def outlines(self) -> list[Task]:
        """Every task without its history, the oldest first: of many thousand in one go."""
        rows = self._db.execute(f"select {_TASK_FIELDS} from task order by id")
        found: list[tuple[Any, ...]] = [(*row[:-1], json.loads(row[-1])) for row in rows]
        return [Task(*columns) for columns in found]

    def task_numbers(self, where: str = "1", *values: object) -> list[int]:
        """The numbers of those alone: of many, one page is read."""
        rows = self._db.execute(f"select id from task where {where} order by id", values)
        return [row[0] for row in rows]

    def unfinished(self, identity: Identity, module: str) -> Task | None:
        """The one task a device has to do for this module, or None."""
        found = self.tasks(
            f"pk = ? and dn = ? and module = ? and state in {UNFINISHED}",
            identity.product_key,
            identity.device_name,
            module,
        )
        return found[-1] if found else None

    def falls(self) -> dict[Identity, Fall]:
        """The last fall-back of each device that had one.

        That is what it looks like from here: the device had the whole image (step 100), and then
        told by itself that it had failed.
        """
        rows = self._db.execute(
            "select pk, dn, event.task, module, version, event.time, event.desc from event"
            " join task on task.id = event.task"
            " where event.state = 'FAILED' and event.step < 0 and exists (select 1 from event had"
            " where had.task = event.task and had.step = 100 and had.rowid < event.rowid)"
            " order by event.rowid"
        )
        return {Identity(pk, dn): Fall(*rest) for pk, dn, *rest in rows}

    # --- batches ---

    def add_batch(self, batch: Batch) -> Batch:
        """Add a batch; its number is made here."""
        number = self._insert(
            "batch",
            "pk, module, version, dynamic, state, created, terms",
            batch.product_key,
            batch.module,
            batch.version,
            batch.dynamic,
            batch.state,
            batch.created,
            json.dumps(batch.terms),
        )
        return replace(batch, id=number)

    def end_batch(self, number: int, state: str = "CANCELED") -> None:
        """Mark a batch as cancelled, or as ENDED."""
        self._db.execute("update batch set state = ? where id = ?", (state, number))

    def batches(self, where: str = "1", *values: object) -> list[Batch]:
        """Batches that meet a condition on the columns, the oldest first."""
        rows = self._db.execute(
            "select id, pk, module, version, dynamic, state, created, terms from batch "
            f"where {where} order by id",
            values,
        )
        return [
            Batch(number, pk, module, version, bool(dynamic), state, created, json.loads(terms))
            for number, pk, module, version, dynamic, state, created, terms in rows
        ]

    def batch_changed(self, number: int) -> float | None:
        """When a task of a batch was changed last (seconds since 1970); None without a task."""
        (when,) = self._db.execute(
            "select max(time) from event where task in (select id from task where batch = ?)",
            (number,),
        ).fetchone()
        return None if when is None else float(when)

    def counts(self, batch: int) -> dict[str, int]:
        """State -> how many tasks of a batch are in it."""
        return dict(
            self._db.execute(
                "select state, count(*) from task where batch = ? group by state", (batch,)
            )
        )
