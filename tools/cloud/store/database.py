"""The one SQLite file: its tables, and what is kept once.

It holds device secrets in plain text, as the platform has to know them to check an HMAC, so only
its owner may read it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import sqlite3
from collections.abc import Iterator
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


class Database:
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
            for columns in ("batch", "pk, dn"):
                name = "task_" + columns.replace(", ", "_")
                self._db.execute(f"create index if not exists {name} on task ({columns})")

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """One transaction, however many there are inside."""
        if self._db.in_transaction:
            yield
            return
        with self._db:
            self._db.execute("begin immediate")
            yield

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def changes(self) -> tuple[int, int]:
        """Other numbers after somebody has written: this program, or another one."""
        (others,) = self._db.execute("pragma data_version").fetchone()
        return self._db.total_changes, int(others)

    def link_key(self) -> bytes:
        """The key that download links are signed with; it stays the same over a restart."""
        (value,) = self._db.execute("select value from meta where key = 'link key'").fetchone()
        return bytes.fromhex(value)

    def folder_id(self) -> str:
        """A short name of this file that no other has, and that tells nothing of the key."""
        return hashlib.sha256(b"folder " + self.link_key()).hexdigest()[:12]

    def _insert(self, table: str, fields: str, *values: object) -> int:
        """Add a row with these fields; its number."""
        marks = ", ".join("?" * len(values))
        cursor = self._db.execute(f"insert into {table} ({fields}) values ({marks})", values)
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def _numbered(self, table: str, fields: str, number: int) -> tuple[Any, ...]:
        """The row of this number. Raises KeyError."""
        row = self._db.execute(f"select {fields} from {table} where id = ?", (number,)).fetchone()
        if row is None:
            raise KeyError(number)
        return tuple(row)

    def _next(self, table: str) -> int:
        """A number that nothing in this table has or had."""
        (number,) = self._db.execute(
            f"select 1 + max((select coalesce(max(id), 0) from {table}), coalesce("
            "(select cast(value as integer) from meta where key = ?), 0))",
            (f"last {table}",),
        ).fetchone()
        return int(number)

    def _retire(self, table: str, number: int) -> None:
        """A number goes with its row, and is not given again."""
        self._db.execute(f"delete from {table} where id = ?", (number,))
        self._db.execute(
            "insert into meta values (?, ?) on conflict (key) do update "
            "set value = max(cast(value as integer), cast(excluded.value as integer))",
            (f"last {table}", str(number)),
        )

    def _one(self, query: str, identity: Identity, *values: str) -> object:
        row = self._db.execute(
            query, (identity.product_key, identity.device_name, *values)
        ).fetchone()
        return None if row is None else row[0]
