"""What goes when a device, a package or a task is taken away, and how that is told."""

from __future__ import annotations

from tools.cloud.openapi.ledger import Ledger
from tools.cloud.operator import asking
from tools.cloud.operator.folder import CloudFolder
from tools.cloud.ota.tasks import TaskBook
from tools.cloud.store import UNFINISHED, CloudStore, Release, Task


def unfinished(store: CloudStore, where: str, *values: object) -> list[Task]:
    """The tasks that meet a condition and have not ended: they need what would go."""
    return store.tasks(f"{where} and state in {UNFINISHED}", *values)


def told(tasks: list[Task]) -> str:
    """What that would mean for them, behind a comma; "" when there is none."""
    return asking.loss([f"{one.identity} to {one.version} ({one.state})" for one in tasks])


def cancel(book: TaskBook, tasks: list[Task], why: str) -> None:
    """End them."""
    for task in tasks:
        book.finish(task, "CANCELED", why)


def lines(tasks: list[Task]) -> list[str]:
    """That they were, for people."""
    return [f"cancelled   task {one.id}: {one.identity} to {one.version}" for one in tasks]


def forget(folder: CloudFolder, release: Release, source: str) -> None:
    """Take a package away, or its difference from `source`; with what nobody else needs of it."""
    ledger = Ledger(folder.path / "cloud.sqlite", folder.store)
    for one in ledger.firmwares(folder.book.clock.time()):
        if one.release == release.id and source in ("", one.source):
            ledger.remove_firmware(one.id)
    ledger.close()
    sources = [one.source for one in release.differences if source in ("", one.source)]
    for one_source in sources if source else [*sources, ""]:
        folder.store.remove_release(release, one_source)
    needed = {file.sha256 for other in folder.store.releases() for file in other.downloads}
    for file in release.downloads:
        if file.sha256 not in needed:
            (folder.files / file.sha256).unlink(missing_ok=True)
