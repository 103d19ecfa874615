"""The OTA service: tells devices about their task and hears what became of it.

Wire: "OTA updates" (89307). What is said in an upgrade message: upgrades.py; what ends a task:
verdicts.py; who is told when: rollout.py; who is tried again: retry.py.
"""

from __future__ import annotations

import json
import re
from typing import Any

from tools.cloud.clock import Timer
from tools.cloud.context import Context, Part
from tools.cloud.identity import Identity
from tools.cloud.mqtt import ntp, topics
from tools.cloud.mqtt.service import Sender
from tools.cloud.ota import differences, ids, progress, verdicts
from tools.cloud.ota.blocks import Blocks
from tools.cloud.ota.pushes import Pushes
from tools.cloud.ota.rollout import Rollout
from tools.cloud.ota.tasks import DEFAULT_MODULE, TaskBook
from tools.cloud.ota.upgrades import LinkMaker, Upgrades
from tools.cloud.store import Task

_VERSION = re.compile(r"[A-Za-z0-9._-]{1,64}")


class OtaService(Part):
    """Behind the gateway: version reports, pushes, queries, progress and time-outs."""

    def __init__(self, context: Context, sender: Sender, links: LinkMaker, blocks: Blocks) -> None:
        super().__init__(context)
        self.sender = sender
        self.blocks = blocks
        self.upgrades = Upgrades(context, links, blocks)
        self.book = TaskBook(self.store, self.clock, self.records)
        self.pushes = Pushes()
        self._timers: dict[int, Timer] = {}
        self._last_push_id = 0
        self.rollout = Rollout(self.book, self.clock, self.records, self.offer)
        for task in self.store.tasks("state = 'IN_PROGRESS'"):
            self._watch(task)

    # --- from the gateway ---

    def online(self, identity: Identity) -> None:
        """A device signed in: an auto-subscribed one is offered its task at once."""
        self.pushes.begin(identity)
        self.offer_all(identity)

    def subscribed(self, identity: Identity, topic_filter: str) -> None:
        """A device subscribed: now a push can reach it."""
        if topic_filter == topics.name(topics.UPGRADE, identity):
            self.offer_all(identity)

    def message(self, identity: Identity, topic: str, payload: bytes) -> None:
        """Take a version report, a progress report, a query, the request for a block or for the
        time; other topics are not ours.
        """
        if topic == topics.name(topics.BLOCK, identity):
            self.blocks.request(identity, payload)
            return
        if topic == topics.name(topics.NTP, identity):
            self._on_ntp(identity, topic, payload)
            return
        handlers = {
            topics.name(topics.INFORM, identity): (self._on_inform, self.faults.drop_inform),
            topics.name(topics.PROGRESS, identity): (self._on_progress, self.faults.drop_progress),
            topics.name(topics.QUERY, identity): (self._on_query, self.faults.drop_query),
        }
        handler, dropped = handlers.get(topic, (None, False))
        if handler is None or dropped:
            return
        try:
            body = json.loads(payload)
            params = body.get("params") or {}
            module = params.get("module") or DEFAULT_MODULE
            if not isinstance(module, str):
                raise TypeError("module is not a string")
            ids.check(self.records, identity, body.get("id"))
            handler(identity, body, params, module)
        # AttributeError: JSON, but no object where one has to be. RecursionError: nested deeply.
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as exc:
            self.records.violation(identity, "bad message", f"{topic}: {exc!r}")

    def _on_ntp(self, identity: Identity, topic: str, payload: bytes) -> None:
        try:
            reply = ntp.answer(payload, int(self.clock.time() * 1000))
        except (ValueError, TypeError, KeyError, RecursionError) as exc:
            self.records.violation(identity, "bad message", f"{topic}: {exc!r}")
            return
        self.sender.send(identity, topics.name(topics.NTP_REPLY, identity), reply)

    # --- version reports ---

    def _on_inform(
        self, identity: Identity, body: dict[str, Any], params: dict[str, Any], module: str
    ) -> None:
        version = params["version"]
        if not isinstance(version, str) or not _VERSION.fullmatch(version):
            raise ValueError("version is not 1 to 64 letters, digits, dots, minus or underscores")
        self.store.set_version(identity, module, version, self.clock.time())
        self.records.note("version", identity, f"{module} {version}")
        first = self.pushes.first_report(identity)
        task = self.rollout.task_of(identity, module, version)
        if task is None:
            return
        verdict = verdicts.of_version(task, version)
        if verdict is not None:
            self._finish(task, *verdict)
            if verdict.state == "FAILED":
                self.rollout.failed(task)
        else:
            known = task.source == version
            if not known:
                self.store.set_source(task, version)
            if not (first and known and self.pushes.known(task)):
                self.offer(task)

    # --- progress ---

    def _on_progress(
        self, identity: Identity, body: dict[str, Any], params: dict[str, Any], module: str
    ) -> None:
        step = progress.step_of(params)
        desc, came = progress.desc_of(params)
        if came > len(desc):
            self.records.violation(identity, "desc", f"{came} characters; {len(desc)} fit")
        task = self.store.unfinished(identity, module)
        verdict = verdicts.of_step(step, desc)
        # A report names no version: before a task was offered, it must be about an older one.
        if task is None or task.state in ("CONFIRM", "QUEUED"):
            self.records.note("progress", identity, f"step {step} without a task: {desc}")
        elif differences.refused(task, step):
            self._offer_full(task, step, desc)
        elif verdict is not None:
            self._finish(task, *verdict, step=step)
            self.rollout.failed(task)
        else:
            first = task.started is None
            task = self.store.move_task(
                task,
                self.clock.time(),
                step=step,
                event=desc,
                desc=desc,
                state="IN_PROGRESS",
                started=self.clock.time() if first else task.started,
            )
            if first:
                self._watch(task)
            self.records.note("progress", identity, f"{task.version}: step {step} {desc}".strip())

    def _offer_full(self, task: Task, step: int, desc: str) -> None:
        """A device cannot take the difference that it was offered: it gets the whole package."""
        task = differences.take_back(self.store, task)
        task = self.store.move_task(
            task, self.clock.time(), step=step, event=desc, desc=desc, state="NOTIFIED"
        )
        self.records.note(
            "task", task.identity, f"{task.version}: difference refused ({desc}), full follows"
        )
        self.offer(task)

    # --- offers ---

    def _on_query(
        self, identity: Identity, body: dict[str, Any], params: dict[str, Any], module: str
    ) -> None:
        task = self.store.unfinished(identity, module)
        data: dict[str, Any] = {}
        if task is not None and self._applies(task) and self.rollout.may_tell(task):
            task = differences.choose(self.store, task)
            data = self.upgrades.data(task)
            self._notified(task, "answered a query")
        reply = {"id": body["id"], "code": 200, "data": data}
        self.sender.send(
            identity,
            topics.name(topics.QUERY_REPLY, identity),
            _json(reply),
            self.dialect.push_qos,
        )

    def offer_all(self, identity: Identity) -> None:
        """Push what a device that signed in has to begin, of each module.

        What it has begun waits for its report: it may run the new version already.
        """
        for task in self.store.tasks(
            "pk = ? and dn = ? and state in ('QUEUED', 'NOTIFIED')",
            identity.product_key,
            identity.device_name,
        ):
            if not self.pushes.known(task):
                self.offer(task)

    def offer(self, task: Task) -> bool:
        """Push a task to its device if it applies and the device listens; True when sent."""
        topic = topics.name(topics.UPGRADE, task.identity)
        if (
            not self.sender.reaches(task.identity, topic)
            or not self._applies(task)
            or not self.rollout.may_tell(task, push=True)
        ):
            return False
        task = differences.choose(self.store, task)
        message: dict[str, Any] = {
            "code": self.dialect.push_code,
            "data": self.upgrades.data(task),
        }
        self._last_push_id = max(self._last_push_id + 1, int(self.clock.time() * 1000))
        message["id"] = (
            str(self._last_push_id) if self.dialect.push_id_text else self._last_push_id
        )
        if self.dialect.push_message:
            message["message"] = "success"
        if not self.sender.send(
            task.identity, topic, _json(message), self.dialect.push_qos, push=True
        ):
            return False
        self.pushes.sent(task)
        self._notified(task, "pushed")
        return True

    def _notified(self, task: Task, how: str) -> None:
        self.rollout.told(task)
        difference = differences.offered(self.store, task)
        if difference is not None:
            how += f": the difference from {difference.source}, {difference.file.size} bytes"
        state = "NOTIFIED" if task.state == "QUEUED" else task.state
        self.store.move_task(task, self.clock.time(), event=how, state=state)
        self.records.note("task", task.identity, f"{task.version} {how}, {state}")

    def _applies(self, task: Task) -> bool:
        """A job is for a device that has reported a version, and another one than the target."""
        if task.options.get("force"):
            return True
        reported = self.store.version(task.identity, task.module)
        return reported is not None and reported != task.version

    # --- the end ---

    def _finish(self, task: Task, state: str, why: str, step: int | None = None) -> None:
        self.book.finish(task, state, why, step)
        timer = self._timers.pop(task.id, None)
        if timer is not None:
            timer.cancel()

    def cancel(self, task: Task, why: str) -> None:
        """End a task from the operator's side."""
        self._finish(task, "CANCELED", why)

    def _watch(self, task: Task) -> None:
        """Start the time-out, which counts from the first progress report."""
        if task.timeout_min is None or task.started is None or task.id in self._timers:
            return
        left = task.started + task.timeout_min * 60 - self.clock.time()
        self._timers[task.id] = self.clock.call_later(
            max(0.0, left), lambda: self._timed_out(task.id)
        )

    def _timed_out(self, number: int) -> None:
        self._timers.pop(number, None)
        task = self.store.task_by_id(number)
        if task.unfinished:
            self._finish(task, *verdicts.of_time(task))


def _json(message: dict[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()
