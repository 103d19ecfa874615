"""LocalCloud: the stand-in in a thread of its own, for tests, the demo and the command line."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from tools.cli import Refused
from tools.cloud.faults import Dialect, Faults
from tools.cloud.identity import Identity
from tools.cloud.mqtt import topics
from tools.cloud.openapi.keys import AccessKey
from tools.cloud.ota import differences
from tools.cloud.ota.batches import Terms
from tools.cloud.ota.tasks import DEFAULT_MODULE, Source
from tools.cloud.program import Program, Settings
from tools.cloud.records import Block, Download, Message, Note, SignedIn, Violation
from tools.cloud.store import Batch, Release, Task

_T = TypeVar("_T")
_CALL_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Device:
    """A device the stand-in knows; its secret is shown only where it is asked for."""

    product_key: str
    device_name: str
    secret: str = field(repr=False)


class LocalCloud:
    """The platform on the desk. Every method may be called from any thread and blocks briefly.

    `folder` keeps devices, releases, tasks and the certificate authority. `certificate` is the
    kind both TLS listeners show ("good", "expired", "not-yet-valid", "wrong-host", "other-ca");
    `mqtt_certificate` and `https_certificate` set them apart. Other keywords are those of
    `Settings`: ports, `listen`, `public`.

    Use it as a context manager, or call `close()`. Raises Refused when a port is taken.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        certificate: str = "good",
        mqtt_certificate: str | None = None,
        https_certificate: str | None = None,
        on_note: Callable[[Note], None] | None = None,
        **settings: Any,
    ) -> None:
        self.folder = Path(folder)
        self._program = Program(
            Settings(
                folder=self.folder,
                mqtt_certificate=mqtt_certificate or certificate,
                https_certificate=https_certificate or certificate,
                **settings,
            )
        )
        self._records = self._program.records
        self._records.on_note = on_note
        self.faults: Faults = self._program.faults
        self.dialect: Dialect = self._program.dialect
        self.ca_pem = self._program.certificates.ca_pem
        self.ca_der = self._program.certificates.ca_der
        self.ca_file = self._program.certificates.ca_file
        self.public = self._program.public
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="local cloud", daemon=True)
        self._thread.start()
        try:
            self._async(self._program.start)
        except BaseException:
            self._end_loop()
            raise
        # Where devices sign in: at the gateway, or at a broker, which has one port of the two.
        broker = self._program.settings.broker
        if broker is None:
            self.mqtt_port = self._program.listeners["mqtt"].port
            self.mqtts_port = self._program.listeners["mqtts"].port
        else:
            self.mqtt_port = 0 if broker.tls else broker.port
            self.mqtts_port = broker.port if broker.tls else 0
        self.https_port = self._program.listeners["https"].port
        self.http_port = self._program.listeners["http"].port

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _async(self, make: Callable[[], Awaitable[_T]]) -> _T:
        async def call() -> _T:
            return await make()

        if self._loop.is_closed():
            raise Refused("this stand-in is closed", "Make a new LocalCloud.")
        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(_CALL_TIMEOUT_S)

    def _call(self, function: Callable[[], _T]) -> _T:
        async def call() -> _T:
            return function()

        return self._async(call)

    def __enter__(self) -> LocalCloud:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop: every port and connection is closed, the folder stays."""
        if not self._loop.is_closed():
            try:
                self._async(self._program.stop)
            finally:
                self._end_loop()

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    @property
    def access_key(self) -> AccessKey:
        """What calls of its API are signed with; they go to `http_port` or `https_port`."""
        return self._program.access_key

    # --- what an operator does ---

    def add_device(self, product_key: str, device_name: str, secret: str | None = None) -> Device:
        """Add a device, or give it another secret; without one it gets a random secret."""
        book = self._program.ota.book
        secret = self._call(lambda: book.add_device(product_key, device_name, secret))
        return Device(product_key, device_name, secret)

    def add_product(
        self, product_key: str, secret: str | None = None, *, registration: bool = True
    ) -> str:
        """Add a product whose devices may register; its secret (random unless given or known)."""
        book = self._program.ota.book
        return self._call(lambda: book.add_product(product_key, secret, registration))

    def add_release(
        self,
        product_key: str,
        version: str,
        package: str | Source | Sequence[Source],
        module: str = DEFAULT_MODULE,
        sign_method: str = "Md5",
        *,
        sign_key: Path | None = None,
        **data: Any,
    ) -> Release:
        """Offer a file as a version, or a list of files as one package.

        A file is a path, bytes, or (name, bytes). `data` are extra keys of the upgrade message.
        `sign_key`: the owner's private key, to sign each file with (`digestsign`).
        """
        image = Path(package) if isinstance(package, str) else package
        program = self._program
        return self._call(
            lambda: program.ota.book.add_release(
                program.files,
                product_key,
                version,
                image,
                module,
                sign_method,
                data,
                sign_key,
            )
        )

    def add_difference(
        self,
        product_key: str,
        version: str,
        package: str | Source,
        source: str,
        module: str = DEFAULT_MODULE,
        *,
        sign_key: Path | None = None,
    ) -> Release:
        """Offer a difference to devices that report `source`, beside the whole package.

        Raises Refused.
        """
        program = self._program
        file = Path(package) if isinstance(package, str) else package
        return self._call(
            lambda: differences.add(
                program.ota.book,
                program.files,
                product_key,
                version,
                file,
                source,
                module,
                sign_key,
            )
        )

    def push(
        self,
        product_key: str,
        device_name: str,
        version: str,
        /,
        *,
        module: str = DEFAULT_MODULE,
        timeout_min: int | None = None,
        scheme: str = "https",
        override: bool = False,
        force: bool = False,
        data: dict[str, Any] | None = None,
        **overrides: Any,
    ) -> Task:
        """Make the task of upgrading a device and push it, at once or when it reports.

        `overrides` (or `data`, for keys that are parameters here) replace keys of the upgrade
        message's `data`; None takes a key away. `scheme` "http" makes plain links, with "mqtt" the
        device asks for blocks over its MQTT connection. `override` cancels an unfinished task;
        without it the new one fails. `force` offers the task although the device reported no
        version, or this one. Raises Refused.
        """
        options: dict[str, Any] = {"data": {**overrides, **(data or {})}, "scheme": scheme}
        if force:
            options["force"] = True

        def push() -> Task:
            ota = self._program.ota
            task = ota.book.add_task(
                product_key,
                device_name,
                version,
                module=module,
                timeout_min=timeout_min,
                override=override,
                options=options,
            )
            if task.unfinished:
                ota.offer(task)
            return ota.store.task_by_id(task.id)

        return self._call(push)

    def repush(self, product_key: str, device_name: str, version: str) -> bool:
        """Push the task once more; False when the device is not there to receive it."""
        task = self.task(product_key, device_name, version)
        return self._call(lambda: self._program.ota.offer(task))

    def cancel(self, product_key: str, device_name: str, version: str) -> Task:
        """Cancel a task, as an operator would. The device is not told."""
        task = self.task(product_key, device_name, version)
        if task.unfinished:
            self._call(lambda: self._program.ota.cancel(task, "cancelled by the operator"))
        return self.task(product_key, device_name, version)

    def batch(
        self,
        product_key: str,
        version: str,
        /,
        *,
        module: str = DEFAULT_MODULE,
        dynamic: bool = False,
        **terms: Any,
    ) -> Batch:
        """Upgrade many devices: make a batch and push what its terms (batches.Terms) allow now.

        Raises Refused.
        """
        program = self._program

        def add() -> Batch:
            rollout = program.ota.rollout
            made = rollout.batches.add(
                product_key, version, Terms(**terms), module=module, dynamic=dynamic
            )
            rollout.release(made.id)
            return made

        return self._call(add)

    def tasks(self, state: str) -> list[Task]:
        """The tasks that are in this state, in the order they were made."""
        return self._call(lambda: self._program.store.tasks("state = ?", state))

    def batch_tasks(self, number: int) -> list[Task]:
        """The tasks of a batch, in the order they were made."""
        return self._call(lambda: self._program.ota.rollout.batches.tasks(number))

    def confirm(self, number: int, *names: str) -> int:
        """Confirm a batch for these devices, or for all; how many waited for it."""

        def confirm() -> int:
            rollout = self._program.ota.rollout
            count = rollout.batches.confirm(number, names)
            rollout.release(number)
            return count

        return self._call(confirm)

    def cancel_batch(self, number: int, *names: str) -> int:
        """Cancel a batch, or some devices' part in it; how many tasks that ended."""
        return self._call(lambda: self._program.ota.rollout.batches.cancel(number, names))

    def link(
        self,
        product_key: str,
        device_name: str,
        version: str,
        *,
        module: str = DEFAULT_MODULE,
        scheme: str = "https",
        number: int = 0,
    ) -> str:
        """A fresh signed link to a file of a package, 0 for the first one; then differences.

        Raises Refused for a version that does not exist.
        """

        def make() -> str:
            release = self._program.store.release(product_key, module, version)
            if release is None:
                raise Refused(
                    f"{product_key} has no {version} of module {module}", "Add the release first."
                )
            identity = Identity(product_key, device_name)
            return self._program.downloads.url(release, identity, scheme, number)

        return self._call(make)

    # --- what a test looks at ---

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
    def downloads(self) -> list[Download]:
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

    # --- what a test does to a device ---

    def publish(
        self, product_key: str, device_name: str, topic: str, payload: bytes | str, qos: int = 0
    ) -> bool:
        """Send a message to a device as if the cloud had; False when it does not listen."""
        data = payload.encode() if isinstance(payload, str) else payload
        identity = Identity(product_key, device_name)
        return self._call(lambda: self._program.ota.sender.send(identity, topic, data, qos))

    def send_raw(self, product_key: str, device_name: str, data: bytes) -> None:
        """Put bytes on a device's connection as they are. Raises Refused when it is offline."""

        def send() -> None:
            session = self._program.gateway.sessions.get(Identity(product_key, device_name))
            if session is None:
                raise Refused(
                    f"{product_key}/{device_name} is not signed in", "Let it sign in first."
                )
            session.write(data)

        self._call(send)

    def kick(self, product_key: str, device_name: str) -> bool:
        """Drop a device's session; False when it has none."""

        def drop() -> bool:
            session = self._program.gateway.sessions.get(Identity(product_key, device_name))
            if session is not None:
                session.close("kicked")
            return session is not None

        return self._call(drop)

    def go_dead(self, refuse: bool = False) -> None:
        """The gateway stops reading and answering; connections stay open, new ones hang.

        With `refuse` it is gone instead: connections are closed and new ones are refused.
        """
        self._async(lambda: self._program.go_dead(refuse))

    def come_back(self) -> None:
        """The gateway works again, on the same ports."""
        self._async(self._program.come_back)

    def advance(self, seconds: float) -> None:
        """Move the stand-in's clock ahead: keep alive, time-outs, links, limits a minute."""

        async def advance() -> None:
            self._program.clock.advance(seconds)
            # Timers that became due run in the loop's next turns.
            await asyncio.sleep(0.001)

        self._async(advance)
