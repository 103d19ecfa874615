"""What has to outlive the program, in one SQLite file: devices, releases, tasks, versions.

Every method is one transaction. The file holds device secrets in plain text, as the platform
has to know them to check an HMAC, so only its owner may read it.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import sqlite3
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tools.cloud.identity import Identity

_SCHEMA = """
create table if not exists meta (key text primary key, value text not null);
create table if not exists device (
    pk text, dn text, secret text not null, added real not null, primary key (pk, dn));
create table if not exists product (
    pk text primary key, secret text not null, registration integer not null);
create table if not exists activated (pk text, dn text, time real not null, primary key (pk, dn));
create table if not exists token (
    pk text, dn text, client_id text, token text not null, time real not null,
    primary key (pk, dn, client_id));
create table if not exists reported (
    pk text, dn text, module text, version text not null, time real not null,
    primary key (pk, dn, module));
create table if not exists release (
    id integer primary key, pk text, module text, version text, name text not null,
    size integer not null, md5 text not null, sha256 text not null, sign_method text not null,
    data text not null, unique (pk, module, version));
create table if not exists further (
    release integer, number integer, name text not null, size integer not null, md5 text not null,
    sha256 text not null, primary key (release, number));
create table if not exists difference (
    release integer, number integer, source text not null, name text not null,
    size integer not null, md5 text not null, sha256 text not null, data text not null,
    primary key (release, number), unique (release, source));
create table if not exists task (
    id integer primary key, pk text, dn text, module text, version text, release integer,
    source text not null, state text not null, step integer, desc text not null,
    timeout_min integer, created real not null, started real, options text not null);
create table if not exists event (
    task integer, time real not null, state text not null, step integer, desc text not null);
create index if not exists event_task on event (task);
create table if not exists batch (
    id integer primary key, pk text, module text, version text, dynamic integer not null,
    state text not null, created real not null, terms text not null);
"""
# Columns that a file of an older version does not have yet.
_LATER = (
    ("task", "batch", "integer"),
    ("task", "retries", "integer not null default 0"),
    ("task", "due", "real"),
)


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


UNFINISHED = ("CONFIRM", "QUEUED", "NOTIFIED", "IN_PROGRESS")
_TASK_FIELDS = (
    "id, pk, dn, module, version, source, state, step, desc, timeout_min, created, started, "
    "release, batch, retries, due, options"
)
_RELEASE_FIELDS = "id, pk, module, version, name, size, md5, sha256, sign_method, data"


class Store:
    """The file. Open it in one thread; other programs may have it open too."""

    def __init__(self, path: Path) -> None:
        # Made with its final mode, before anything secret is in it.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._db = sqlite3.connect(path, timeout=10.0, isolation_level=None)
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = normal")
        self._db.executescript(_SCHEMA)
        self._add_later_columns()
        self._db.execute(
            "insert or ignore into meta values ('link key', ?)", (secrets.token_hex(32),)
        )

    def _add_later_columns(self) -> None:
        with self._db:
            # Two programs may open an old file at once: only one of them may alter it.
            self._db.execute("begin immediate")
            for table, column, kind in _LATER:
                there = [row[1] for row in self._db.execute(f"pragma table_info({table})")]
                if column not in there:
                    self._db.execute(f"alter table {table} add column {column} {kind}")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def link_key(self) -> bytes:
        """The key that download links are signed with; it stays the same over a restart."""
        (value,) = self._db.execute("select value from meta where key = 'link key'").fetchone()
        return bytes.fromhex(value)

    def folder_id(self) -> str:
        """A short name of this file that no other has, and that tells nothing of the key."""
        return hashlib.sha256(b"folder " + self.link_key()).hexdigest()[:12]

    # --- devices ---

    def add_device(self, identity: Identity, secret: str, now: float) -> None:
        """Add a device, or give it another secret."""
        self._db.execute(
            "insert into device values (?, ?, ?, ?) on conflict do update set secret = ?",
            (identity.product_key, identity.device_name, secret, now, secret),
        )

    def secret(self, identity: Identity) -> str | None:
        """A device's secret, or None for a device that does not exist."""
        row = self._db.execute(
            "select secret from device where pk = ? and dn = ?",
            (identity.product_key, identity.device_name),
        ).fetchone()
        return None if row is None else str(row[0])

    def devices(self) -> list[Identity]:
        """Every device."""
        return [
            Identity(*row) for row in self._db.execute("select pk, dn from device order by 1, 2")
        ]

    # --- dynamic registration ---

    def set_product(self, product: Product) -> None:
        """Add a product, or change it."""
        self._db.execute(
            "insert or replace into product values (?, ?, ?)",
            (product.product_key, product.secret, int(product.registration)),
        )

    def product(self, product_key: str) -> Product | None:
        """A product that was added, or None."""
        row = self._db.execute(
            "select secret, registration from product where pk = ?", (product_key,)
        ).fetchone()
        return None if row is None else Product(product_key, str(row[0]), bool(row[1]))

    def activate(self, identity: Identity, now: float) -> None:
        """Remember that a device has signed in: it has its secret."""
        self._db.execute(
            "insert or ignore into activated values (?, ?, ?)",
            (identity.product_key, identity.device_name, now),
        )

    def activated(self, identity: Identity) -> bool:
        """Whether a device has ever signed in."""
        return self._one("select 1 from activated where pk = ? and dn = ?", identity) is not None

    def add_token(self, identity: Identity, client_id: str, token: str, now: float) -> None:
        """Keep what a device that was not listed signs in with, and list it."""
        self._db.execute(
            "insert into token values (?, ?, ?, ?, ?)",
            (identity.product_key, identity.device_name, client_id, token, now),
        )
        if self.secret(identity) is None:
            self.add_device(identity, secrets.token_hex(16), now)

    def token(self, identity: Identity, client_id: str) -> str | None:
        """The token of this clientId, or None."""
        found = self._one(
            "select token from token where pk = ? and dn = ? and client_id = ?",
            identity,
            client_id,
        )
        return None if found is None else str(found)

    def tokens(self, identity: Identity) -> int:
        """How many tokens were given to devices of this name."""
        found = self._one("select count(*) from token where pk = ? and dn = ?", identity)
        return int(str(found))

    def _one(self, query: str, identity: Identity, *values: str) -> object:
        row = self._db.execute(
            query, (identity.product_key, identity.device_name, *values)
        ).fetchone()
        return None if row is None else row[0]

    def set_version(self, identity: Identity, module: str, version: str, now: float) -> None:
        """Remember what a device reported."""
        self._db.execute(
            "insert or replace into reported values (?, ?, ?, ?, ?)",
            (identity.product_key, identity.device_name, module, version, now),
        )

    def version(self, identity: Identity, module: str) -> str | None:
        """The version last reported for this module, or None."""
        row = self._db.execute(
            "select version from reported where pk = ? and dn = ? and module = ?",
            (identity.product_key, identity.device_name, module),
        ).fetchone()
        return None if row is None else str(row[0])

    def versions(self, identity: Identity) -> dict[str, str]:
        """Module -> version of everything a device has reported."""
        return dict(
            self._db.execute(
                "select module, version from reported where pk = ? and dn = ?",
                (identity.product_key, identity.device_name),
            ).fetchall()
        )

    # --- releases ---

    def add_release(self, release: Release) -> Release:
        """Add a release (its `id` is ignored) and give it back with its id."""
        cursor = self._db.execute(
            "insert into release "
            "(id, pk, module, version, name, size, md5, sha256, sign_method, data) values ("
            "1 + max((select coalesce(max(id), 0) from release), (select coalesce("
            "(select cast(value as integer) from meta where key = 'last release'), 0))), "
            "?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                release.product_key,
                release.module,
                release.version,
                release.name,
                release.size,
                release.md5,
                release.sha256,
                release.sign_method,
                json.dumps(release.data),
            ),
        )
        assert cursor.lastrowid is not None
        for number, file in enumerate(release.further, 1):
            self._db.execute(
                "insert into further values (?, ?, ?, ?, ?, ?)",
                (cursor.lastrowid, number, file.name, file.size, file.md5, file.sha256),
            )
        return self.release_by_id(cursor.lastrowid)

    def release_by_id(self, number: int) -> Release:
        """A release. Raises KeyError."""
        row = self._db.execute(
            f"select {_RELEASE_FIELDS} from release where id = ?", (number,)
        ).fetchone()
        if row is None:
            raise KeyError(number)
        further = self._db.execute(
            "select name, size, md5, sha256 from further where release = ? order by number",
            (number,),
        ).fetchall()
        differences = self._db.execute(
            "select source, name, size, md5, sha256, data from difference where release = ? "
            "order by number",
            (number,),
        ).fetchall()
        columns: tuple[Any, ...] = (
            *row[:-1],
            json.loads(row[-1]),
            tuple(PackageFile(*one) for one in further),
            tuple(
                Difference(source, PackageFile(*file), json.loads(data))
                for source, *file, data in differences
            ),
        )
        return Release(*columns)

    def add_difference(self, release: Release, difference: Difference) -> Release:
        """Add a difference to a release, behind those that it has; the release as it is now."""
        file = difference.file
        self._db.execute(
            "insert into difference select ?, coalesce(max(number) + 1, 0), ?, ?, ?, ?, ?, ? "
            "from difference "
            "where release = ?",
            (
                release.id,
                difference.source,
                file.name,
                file.size,
                file.md5,
                file.sha256,
                json.dumps(difference.data),
                release.id,
            ),
        )
        return self.release_by_id(release.id)

    def release(self, product_key: str, module: str, version: str) -> Release | None:
        """The release of this version, or None."""
        row = self._db.execute(
            "select id from release where pk = ? and module = ? and version = ?",
            (product_key, module, version),
        ).fetchone()
        return None if row is None else self.release_by_id(row[0])

    def releases(self) -> list[Release]:
        """Every release."""
        rows = self._db.execute("select id from release order by id").fetchall()
        return [self.release_by_id(row[0]) for row in rows]

    def remove_release(self, release: Release, source: str = "") -> None:
        """Remove a release, or its difference from `source`. Its number is not given again."""
        with self._db:
            self._db.execute("begin immediate")
            if source:
                self._db.execute(
                    "delete from difference where release = ? and source = ?",
                    (release.id, source),
                )
                return
            for table, column in (("release", "id"), ("further", "release")):
                self._db.execute(f"delete from {table} where {column} = ?", (release.id,))
            self._db.execute(
                "insert into meta values ('last release', ?) on conflict (key) do update "
                "set value = max(cast(value as integer), cast(excluded.value as integer))",
                (str(release.id),),
            )

    # --- tasks ---

    def add_task(self, task: Task, reason: str = "") -> Task:
        """Add a task (its `id` is ignored), begin its history, and give it back with its id."""
        with self._db:
            self._db.execute("begin immediate")
            cursor = self._db.execute(
                f"insert into task ({_TASK_FIELDS.partition(', ')[2]})"
                " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
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
                ),
            )
            assert cursor.lastrowid is not None
            self._event(cursor.lastrowid, task.created, task.state, None, reason)
        return self.task_by_id(cursor.lastrowid)

    def move_task(
        self, task: Task, now: float, *, step: int | None = None, event: str = "", **changes: Any
    ) -> Task:
        """Change columns of a task and add a line to its history; the task as it is now."""
        columns = dict(changes)
        if step is not None:
            columns["step"] = step
        with self._db:
            self._db.execute("begin immediate")
            assignments = ", ".join(f"{column} = ?" for column in columns)
            self._db.execute(
                f"update task set {assignments} where id = ?", (*columns.values(), task.id)
            )
            state = changes.get("state", task.state)
            self._event(task.id, now, state, step, event)
        return self.task_by_id(task.id)

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
        row = self._db.execute(
            f"select {_TASK_FIELDS} from task where id = ?", (number,)
        ).fetchone()
        if row is None:
            raise KeyError(number)
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
        rows = self._db.execute(
            f"select id from task where {where} order by id", values
        ).fetchall()
        return [self.task_by_id(row[0]) for row in rows]

    def unfinished(self, identity: Identity, module: str) -> Task | None:
        """The one task a device has to do for this module, or None."""
        found = self.tasks(
            f"pk = ? and dn = ? and module = ? and state in {UNFINISHED}",
            identity.product_key,
            identity.device_name,
            module,
        )
        return found[-1] if found else None

    # --- batches ---

    def add_batch(self, batch: Batch) -> Batch:
        """Add a batch; its number is made here."""
        cursor = self._db.execute(
            "insert into batch (pk, module, version, dynamic, state, created, terms) "
            "values (?, ?, ?, ?, ?, ?, ?)",
            (
                batch.product_key,
                batch.module,
                batch.version,
                batch.dynamic,
                batch.state,
                batch.created,
                json.dumps(batch.terms),
            ),
        )
        assert cursor.lastrowid is not None
        return replace(batch, id=cursor.lastrowid)

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

    def counts(self, batch: int) -> dict[str, int]:
        """State -> how many tasks of a batch are in it."""
        return dict(
            self._db.execute(
                "select state, count(*) from task where batch = ? group by state", (batch,)
            )
        )
