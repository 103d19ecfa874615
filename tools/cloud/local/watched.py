"""What a test looks at, and waits for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tools.cli import Refused
from tools.cloud.identity import Identity
from tools.cloud.local.threaded import Threaded
from tools.cloud.mqtt import topics
from tools.cloud.ota.tasks import DEFAULT_MODULE
from tools.cloud.records import Block, DownloadRequest, Message, Note, SignedIn, Violation
from tools.cloud.store import Task

_T = TypeVar("_T")


class Watched(Threaded):
    """What is kept and what has happened, as seen from outside."""

    def task(self, product_key: str, device_name: str, version: str) -> Task:
        """The latest task of this device to this version. Raises Refused when there is none."""
        found = self._call(
            lambda: self._program.store.tasks(
                "pk = ? and dn = ? and version = ?", product_key, device_name, version
            )
        )
        if not found:
            raise Refused(
                f"{product_key}/{device_name} has no task for {version}", "Push it first."
            )
        return found[-1]

    def tasks(self, state: str) -> list[Task]:
        """The tasks that are in this state, in the order they were made."""
        return self._call(lambda: self._program.store.tasks("state = ?", state))

    def wait_task(
        self,
        product_key: str,
        device_name: str,
        version: str,
        state: str,
        timeout_s: float = 30.0,
    ) -> Task:
        """Wait until the task is in this state; raises Refused with its history after the time.

        A task that ended in another state is reported at once.
        """

        def ended() -> Task | None:
            task = self.task(product_key, device_name, version)
            return task if task.state == state or not task.unfinished else None

        task = self._records.wait_for(ended, timeout_s)
        if task is None or task.state != state:
            task = task or self.task(product_key, device_name, version)
            lines = [f"  {event}" for event in task.history]
            raise Refused(
                f"{version} did not become {state}; it is {task.state}",
                "What happened:\n" + "\n".join(lines),
            )
        return task

    def wait_for(
        self, predicate: Callable[[], _T], timeout_s: float = 30.0, what: str = "it"
    ) -> _T:
        """Wait until `predicate()` is true and give its value; it is asked at every new record.

        Raises Refused with the last notes after `timeout_s`.
        """
        value = self._records.wait_for(predicate, timeout_s)
        if value is None:
            last = "\n".join(f"  {n.kind} {n.device} {n.text}" for n in self.notes[-8:])
            raise Refused(f"waited {timeout_s} s for {what}", f"The last notes:\n{last}")
        return value

    def version(
        self, product_key: str, device_name: str, module: str = DEFAULT_MODULE
    ) -> str | None:
        """The version the device reported last."""
        identity = Identity(product_key, device_name)
        return self._call(lambda: self._program.store.version(identity, module))

    def online(self, product_key: str, device_name: str) -> bool:
        """True while the device is signed in."""
        return Identity(product_key, device_name) in self._program.gateway.sessions

    def listens(self, product_key: str, device_name: str) -> bool:
        """True when the device is signed in and has subscribed to upgrade pushes."""
        identity = Identity(product_key, device_name)
        session = self._program.gateway.sessions.get(identity)
        return session is not None and session.receives(topics.name(topics.UPGRADE, identity))

    @property
    def messages(self) -> list[Message]:
        """Every MQTT message so far, both ways."""
        return list(self._records.messages)

    @property
    def sign_ins(self) -> list[SignedIn]:
        """Every CONNECT that was accepted so far, as it came."""
        return list(self._records.sign_ins)

    @property
    def downloads(self) -> list[DownloadRequest]:
        """Every HTTP request so far; the records of running ones still grow."""
        return list(self._records.downloads)

    @property
    def blocks(self) -> list[Block]:
        """Every request for a block over MQTT so far."""
        return list(self._records.blocks)

    @property
    def notes(self) -> list[Note]:
        """The console's lines so far."""
        return list(self._records.notes)

    @property
    def violations(self) -> list[Violation]:
        """Every rule a device broke so far. Empty for a device that behaves."""
        return list(self._records.violations)

    @property
    def connections(self) -> int:
        """How many MQTT connections are open, signed in or not."""
        return len(self._program.gateway.connections)

    @property
    def broker_connected(self) -> bool:
        """True while the service is connected to the broker it was given."""
        return self._program.broker is not None and self._program.broker.connected

    @property
    def questions(self) -> int:
        """How often other commands (`status`, `watch`) have asked this server."""
        return self._program.control.questions
