"""What an operator does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.cli import Refused
from tools.cloud.identity import Identity
from tools.cloud.local.watched import Watched
from tools.cloud.ota import differences
from tools.cloud.ota.batches import Terms
from tools.cloud.ota.tasks import DEFAULT_MODULE, Source
from tools.cloud.store import Batch, Release, Task


@dataclass(frozen=True)
class AddedDevice:
    """A device the stand-in knows; its secret is shown only where it is asked for."""

    product_key: str
    device_name: str
    secret: str = field(repr=False)


class Operated(Watched):
    """Devices, releases, tasks and batches, as from the console of the platform."""

    def add_device(
        self, product_key: str, device_name: str, secret: str | None = None
    ) -> AddedDevice:
        """Add a device, or give it another secret; without one it gets a random secret."""
        book = self._program.ota.book
        secret = self._call(lambda: book.add_device(product_key, device_name, secret))
        return AddedDevice(product_key, device_name, secret)

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
