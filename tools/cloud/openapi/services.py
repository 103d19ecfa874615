"""What the operations work with: the stand-in's own parts, and what only the API needs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tools.cloud.clock import Clock
from tools.cloud.identity import Identity
from tools.cloud.openapi.errors import NO_DEVICE, NO_PRODUCT, ServiceError, illegal
from tools.cloud.openapi.ledger import Firmware, Job, Ledger
from tools.cloud.openapi.parameters import Parameters
from tools.cloud.openapi.uploads import Uploads
from tools.cloud.ota.rollout import Rollout
from tools.cloud.ota.tasks import TaskBook
from tools.cloud.records import Records
from tools.cloud.store import Batch, CloudStore, Release

_T = TypeVar("_T")


@dataclass(frozen=True)
class Services:
    """`online(identity)` says whether a device is signed in, `drop(identity)` ends that; `send`
    is the way there.
    """

    store: CloudStore
    files: Path
    book: TaskBook
    rollout: Rollout
    records: Records
    clock: Clock
    ledger: Ledger
    uploads: Uploads
    online: Callable[[Identity], bool]
    cancel: Callable[..., None]
    send: Callable[[Identity, str, bytes, int], bool]
    drop: Callable[[Identity], None]

    def product(self, product_key: str) -> str:
        """A product key that is there. Raises ServiceError."""
        there = self.store.product(product_key) is not None or any(
            device.product_key == product_key for device in self.store.devices()
        )
        if not there:
            raise ServiceError(NO_PRODUCT, "The specified product does not exist.")
        return product_key

    def device(self, given: Parameters) -> Identity:
        """The device a call is about, by IotId or by its names. Raises ServiceError."""
        iot_id = given.maybe("IotId")
        if iot_id is not None:
            for identity in self.store.devices():
                if self.iot_id(identity) == iot_id:
                    return identity
            raise ServiceError(NO_DEVICE, "The specified device does not exist.")
        return self.named(given.text("ProductKey"), given.text("DeviceName"))

    def named(self, product_key: str, device_name: str) -> Identity:
        """A device that is there. Raises ServiceError."""
        identity = Identity(product_key, device_name)
        if self.store.secret(identity) is None:
            raise ServiceError(
                NO_DEVICE, f"The specified device does not exist: {device_name[:64]}"
            )
        return identity

    def iot_id(self, identity: Identity) -> str:
        """A device's IotId: the same as long as the folder is."""
        text = f"{self.store.folder_id()} {identity}"
        return hashlib.sha256(text.encode()).hexdigest()[:30]

    def firmware(self, identifier: str) -> tuple[Firmware, Release]:
        """An update package. Raises ServiceError."""
        found = self.ledger.firmware(identifier)
        if found is None:
            raise illegal("The specified firmware does not exist.")
        return found, self.store.release_by_id(found.release)

    def job(self, identifier: str) -> tuple[Job, Batch]:
        """An update batch. Raises ServiceError."""
        found = self.ledger.job(identifier)
        if found is None:
            raise illegal("The specified job does not exist.")
        return found, self.rollout.batches.batch(found.batch)


def paged(found: Sequence[_T], page: tuple[int, int]) -> tuple[Sequence[_T], dict[str, int]]:
    """One page of a list, and what an answer says of it."""
    number, size = page
    said = {
        "CurrentPage": number,
        "PageSize": size,
        "Total": len(found),
        "PageCount": -(-len(found) // size),
    }
    return found[(number - 1) * size : number * size], said
