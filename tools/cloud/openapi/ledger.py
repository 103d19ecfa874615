"""What the API knows of packages and batches beyond the store: their IDs, and how they were made.

Two tables of their own in the store's file. What was made by other commands (`release add`,
`batch`) gets its ID when it is first looked for.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.cloud.store import Batch, CloudStore, Release

VERIFY, UPGRADE = "VERIFY_FIRMWARE", "UPGRADE_FIRMWARE"
_SCHEMA = """
create table if not exists firmware (
    id text primary key, release integer not null, source text not null, name text not null,
    desc text not null, verify integer not null, udi text not null, created real not null,
    unique (release, source));
create table if not exists job (
    id text primary key, batch integer unique not null, firmware text not null,
    kind text not null, given text not null);
create table if not exists module (
    pk text, name text, alias text not null, desc text not null, created real not null,
    primary key (pk, name));
"""


@dataclass(frozen=True)
class Firmware:
    """An update package: a release, or (`source`) the difference to it. `verify`: needed first."""

    id: str
    release: int
    source: str
    name: str
    desc: str
    verify: bool
    udi: str
    created: float


@dataclass(frozen=True)
class Job:
    """An update batch. `given` is what its call said and the batch does not keep."""

    id: str
    batch: int
    firmware: str
    kind: str
    given: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class ModuleRecord:
    """An OTA module that a call has made."""

    product_key: str
    name: str
    alias: str
    desc: str
    created: float


class Ledger:
    """The two tables. Open it beside the store, in the same thread."""

    def __init__(self, path: Path, store: CloudStore) -> None:
        self._store = store
        self._db = sqlite3.connect(path, timeout=10.0, isolation_level=None)
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # --- packages ---

    def firmwares(self, now: float) -> list[Firmware]:
        """Every package, the oldest first."""
        known = {(f.release, f.source): f for f in self._firmwares("1")}
        found = []
        for release in self._store.releases():
            for source in ("", *(one.source for one in release.differences)):
                found.append(
                    known.get((release.id, source))
                    or self.add_firmware(release, source, self._free_name(release, source), now)
                )
        return found

    def add_firmware(
        self,
        release: Release,
        source: str,
        name: str,
        now: float,
        *,
        desc: str = "",
        verify: bool = False,
        udi: str = "",
    ) -> Firmware:
        """Give a release, or one of its differences, an ID."""
        made = Firmware(secrets.token_hex(13), release.id, source, name, desc, verify, udi, now)
        self._db.execute(
            "insert into firmware values (?, ?, ?, ?, ?, ?, ?, ?)",
            (made.id, release.id, source, name, desc, int(verify), udi, now),
        )
        return made

    def firmware(self, identifier: str) -> Firmware | None:
        """A package by its ID, or None."""
        return next(iter(self._firmwares("id = ?", identifier)), None)

    def firmware_of(self, release: Release, source: str, now: float) -> Firmware:
        """The package of a release that is there."""
        return next(
            one
            for one in self.firmwares(now)
            if one.release == release.id and one.source == source
        )

    def remove_firmware(self, identifier: str) -> None:
        """Forget an ID."""
        self._db.execute("delete from firmware where id = ?", (identifier,))

    def _firmwares(self, where: str, *values: object) -> list[Firmware]:
        rows = self._db.execute(f"select * from firmware where {where}", values)
        return [
            Firmware(id_, release, source, name, desc, bool(verify), udi, created)
            for id_, release, source, name, desc, verify, udi, created in rows
        ]

    def _free_name(self, release: Release, source: str) -> str:
        plain = f"{release.module}-{release.version}" + (f"-from-{source}" if source else "")
        name = plain.replace(".", "_")[:32].lstrip("-_") or "package"
        # Names are unique in an account, and two products may have the same version.
        taken = {one.name for one in self._firmwares("1")}
        return name if name not in taken else f"{name}({release.id})"[:40]

    # --- modules ---

    def add_module(self, module: ModuleRecord) -> None:
        """Remember a module."""
        self._db.execute(
            "insert into module values (?, ?, ?, ?, ?)",
            (module.product_key, module.name, module.alias, module.desc, module.created),
        )

    def modules(self, product_key: str) -> list[ModuleRecord]:
        """The modules that calls have made."""
        rows = self._db.execute(
            "select pk, name, alias, desc, created from module where pk = ? order by created",
            (product_key,),
        )
        return [ModuleRecord(*row) for row in rows]

    # --- batches ---

    def add_job(self, batch: Batch, firmware: Firmware, kind: str, given: dict[str, Any]) -> Job:
        """Give a batch an ID."""
        made = Job(secrets.token_hex(13), batch.id, firmware.id, kind, given)
        self._db.execute(
            "insert into job values (?, ?, ?, ?, ?)",
            (made.id, batch.id, firmware.id, kind, json.dumps(given)),
        )
        return made

    def jobs(self, now: float) -> list[Job]:
        """Every batch, the oldest first; not those whose package is gone."""
        known = {job.batch: job for job in self._jobs()}
        found = []
        for batch in self._store.batches():
            job = known.get(batch.id)
            if job is None:
                release = self._store.release(batch.product_key, batch.module, batch.version)
                if release is None:
                    continue
                job = self.add_job(batch, self.firmware_of(release, "", now), UPGRADE, {})
            found.append(job)
        return found

    def job(self, identifier: str) -> Job | None:
        """A batch by its ID, or None."""
        return next(iter(self._jobs("id = ?", identifier)), None)

    def _jobs(self, where: str = "1", *values: object) -> list[Job]:
        rows = self._db.execute(
            f"select id, batch, firmware, kind, given from job where {where}", values
        )
        return [
            Job(id_, batch, firmware, kind, json.loads(given))
            for id_, batch, firmware, kind, given in rows
        ]
