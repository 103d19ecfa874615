"""Differences: small packages for devices that report a certain version, beside the whole one.

The platform offers a differential package to devices of its source version only; what the device
does with it is between it and its maker (protocol: "OTA updates", 89307). Here who cannot take it
gets the whole package of the same version, without an operator.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path

from tools.cli import Refused
from tools.cloud.ota import packages
from tools.cloud.ota.tasks import (
    WHOLE,
    Source,
    TaskBook,
    described,
    digestsigns,
    keep,
    read,
)
from tools.cloud.store import CloudStore, Difference, Release, Task

_OFFERED = "difference"  # of a task's options: the source of the difference that it offers
_CANNOT = -1  # the step of a device that cannot take what it is offered
_TRIAL = 100  # from this step on it is the new version that has failed


def add(
    book: TaskBook,
    files: Path,
    product_key: str,
    version: str,
    package: Source,
    source: str,
    module: str,
    sign_key: Path | None = None,
) -> Release:
    """Take a difference into the folder `files`, for devices that report the version `source`.

    It has to make exactly the release that is there as `version`, of the release `source` if
    that is there, too. Raises Refused.
    """
    release = book.release(product_key, module, version)
    name, content = read(package, f"{module}-{version}-from-{source}.alp")
    if source == version:
        raise Refused(
            f"this is a difference from {source} to itself", "Name the version it starts from."
        )
    if release.further:
        raise Refused(
            f"{version} has several files, and there are differences of one only",
            "Offer the whole package, under a new version.",
        )
    _check(book.store, files, release, source, name, content)
    data = {}
    if sign_key is not None:
        made = described(name, content)
        data["digestsign"] = digestsigns(sign_key, release.sign_method, [made])
    elif release.data.get("digestsign"):
        raise Refused(f"{version} is signed, so this has to be, too", "Add --sign-key PEM.")
    added = Difference(source, described(name, content), data)
    known = release.difference(source)
    if known is not None:
        if known.file.sha256 == added.file.sha256 and known.data == added.data:
            if not (files / added.file.sha256).exists():  # somebody has lost it
                keep(files, added.file, content)
            return release
        raise Refused(
            f"{version} already has another difference from {source}, and is never changed",
            "Choose a new version.",
        )
    keep(files, added.file, content)
    return book.store.add_difference(release, added)


def _check(
    store: CloudStore, files: Path, release: Release, source: str, name: str, content: bytes
) -> None:
    """Raise Refused unless the package makes the release of its source."""
    from tools.release import DIFFERENCE, read_head, unpack, walk  # slow to load

    with _named(name):
        head = read_head(content)
    if head.kind != DIFFERENCE:
        raise Refused(
            f"{name} is packed, but no difference", "Leave --from out to offer it as a version."
        )
    with _named(name):
        walk(content)  # also where its source is not known here, and nothing can be made of it
        image = packages.image_of(files, release)
    if hashlib.sha256(image).digest() != head.sha256:
        raise Refused(
            f"{name} does not make the {release.version} that is offered",
            "Make it again of that image.",
        )
    for other in store.releases():
        if (
            (other.product_key, other.module) == (release.product_key, release.module)
            and other.version != source
            and packages.is_made_from(files, other, head.source_size, head.source_sha256)
        ):
            raise Refused(
                f"{name} starts from {other.version}, and not from {source}",
                f"Give the version that it starts from: --from {other.version}.",
            )
    old = store.release(release.product_key, release.module, source)
    if old is not None and not old.further:
        with _named(name):
            unpack(content, packages.image_of(files, old))
        packages.check_source(files, old)


@contextlib.contextmanager
def _named(name: str) -> Iterator[None]:
    """What a package is refused for begins with its name."""
    try:
        yield
    except Refused as exc:
        raise Refused(f"{name}: {exc.cause}", exc.advice) from None


def choose(store: CloudStore, task: Task) -> Task:
    """Decide what a task offers its device now, by the version that it reports."""
    release = store.release_by_id(task.release)
    found = None
    if not task.options.get(WHOLE):
        found = release.difference(store.version(task.identity, task.module))
    if (found.source if found is not None else None) == task.options.get(_OFFERED):
        return task
    options = {key: value for key, value in task.options.items() if key != _OFFERED}
    return store.set_options(
        task, options if found is None else {**options, _OFFERED: found.source}
    )


def offered(store: CloudStore, task: Task) -> Difference | None:
    """The difference that a task offers, or None: the whole package."""
    source = task.options.get(_OFFERED)
    return None if source is None else store.release_by_id(task.release).difference(source)


def refused(task: Task, step: int) -> bool:
    """Whether a device's report says that it cannot take the difference.

    After step 100 it has taken it: then it is the version that failed.
    """
    return step == _CANNOT and _OFFERED in task.options and (task.step or 0) < _TRIAL


def take_back(store: CloudStore, task: Task) -> Task:
    """From now on the task offers the whole package."""
    options = {key: value for key, value in task.options.items() if key != _OFFERED}
    return store.set_options(task, {**options, WHOLE: True})
