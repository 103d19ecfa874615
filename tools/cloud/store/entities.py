"""What is kept: packages and who gets them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tools.cloud.identity import Identity

UNFINISHED = ("CONFIRM", "QUEUED", "NOTIFIED", "IN_PROGRESS")


@dataclass(frozen=True)
class PackageFile:
    """One download of a package."""

    name: str
    size: int
    md5: str
    sha256: str


@dataclass(frozen=True)
class Difference:
    """What devices that report the version `source` download instead of the whole package.

    `data` are keys of the upgrade message that are its own (`digestsign`).
    """

    source: str
    file: PackageFile
    data: dict[str, Any]


@dataclass(frozen=True)
class Product:
    """A product whose devices may register: its secret, and whether they may do so now."""

    product_key: str
    secret: str = field(repr=False)
    registration: bool


@dataclass(frozen=True)
class Release:
    """One package for one module of one product. `data` are extra keys of the upgrade message.

    A package has one file, or more: then the others are `further`, in their order. Of one file
    there may be `differences`, in the order in which they were added.
    """

    id: int
    product_key: str
    module: str
    version: str
    name: str
    size: int
    md5: str
    sha256: str
    sign_method: str
    data: dict[str, Any]
    further: tuple[PackageFile, ...] = ()
    differences: tuple[Difference, ...] = ()

    @property
    def files(self) -> tuple[PackageFile, ...]:
        """Every file of the package."""
        return (PackageFile(self.name, self.size, self.md5, self.sha256), *self.further)

    @property
    def downloads(self) -> tuple[PackageFile, ...]:
        """Everything a link may lead to: the package's files, then its differences."""
        return (*self.files, *(one.file for one in self.differences))

    def difference(self, source: str | None) -> Difference | None:
        """The difference for devices of this version, or None."""
        return next((one for one in self.differences if one.source == source), None)


@dataclass(frozen=True)
class Event:
    """One line of a task's history. `step` is None unless a progress report brought it."""

    time: float
    state: str
    step: int | None
    desc: str


@dataclass(frozen=True)
class Fall:
    """A device came back from a new version: which task, when (seconds since 1970), and why."""

    task: int
    module: str
    version: str
    time: float
    why: str


@dataclass(frozen=True)
class Task:
    """The upgrade of one device to one version, as "View update status" (202667) names things.

    `state` is CONFIRM, QUEUED, NOTIFIED, IN_PROGRESS, SUCCEEDED, FAILED or CANCELED; `step` and
    `desc` are those of the last progress report, or why it ended; times are seconds since 1970.
    `batch` made it, if one did; `retries` were begun so far, the next one not before `due`.
    """

    id: int
    product_key: str
    device_name: str
    module: str
    version: str
    source: str
    state: str
    step: int | None
    desc: str
    timeout_min: int | None
    created: float
    started: float | None
    release: int
    batch: int | None
    retries: int
    due: float | None
    options: dict[str, Any] = field(repr=False)
    history: list[Event] = field(default_factory=list, repr=False)

    @property
    def identity(self) -> Identity:
        """The device."""
        return Identity(self.product_key, self.device_name)

    @property
    def unfinished(self) -> bool:
        """True while the device still has to do something."""
        return self.state in UNFINISHED


@dataclass(frozen=True)
class Batch:
    """One release for many devices. `state` is RUNNING, CANCELED or (by its end time) ENDED.

    A `dynamic` one goes on matching devices that report; `terms` are those of batches.Terms.
    """

    id: int
    product_key: str
    module: str
    version: str
    dynamic: bool
    state: str
    created: float
    terms: dict[str, Any]
