"""Releases: packages, their further files, and the differences to them."""

from __future__ import annotations

import json
from typing import Any

from tools.cloud.store.database import Database
from tools.cloud.store.entities import Difference, PackageFile, Release

_RELEASE_FIELDS = "id, pk, module, version, name, size, md5, sha256, sign_method, data"


class ReleaseTables(Database):
    """What is offered."""

    def add_release(self, release: Release) -> Release:
        """Add a release (its `id` is ignored) and give it back with its id."""
        with self._db:
            self._db.execute("begin immediate")
            added = self._insert(
                "release",
                _RELEASE_FIELDS,
                self._next("release"),
                release.product_key,
                release.module,
                release.version,
                release.name,
                release.size,
                release.md5,
                release.sha256,
                release.sign_method,
                json.dumps(release.data),
            )
            for number, file in enumerate(release.further, 1):
                self._db.execute(
                    "insert into further values (?, ?, ?, ?, ?, ?)",
                    (added, number, file.name, file.size, file.md5, file.sha256),
                )
        return self.release_by_id(added)

    def release_by_id(self, number: int) -> Release:
        """A release. Raises KeyError."""
        row = self._numbered("release", _RELEASE_FIELDS, number)
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
            self._db.execute("delete from further where release = ?", (release.id,))
            self._retire("release", release.id)
