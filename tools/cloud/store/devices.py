"""Devices: their secrets, who may register, what they reported."""

from __future__ import annotations

import secrets

from tools.cloud.identity import Identity
from tools.cloud.store.database import Database
from tools.cloud.store.entities import Product


class DeviceTables(Database):
    """What is known of each device."""

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

    def remove_device(self, identity: Identity) -> None:
        """Forget a device, and all that it has reported; its tasks stay."""
        with self._db:
            self._db.execute("begin immediate")
            for name in ("device", "activated", "token", "reported"):
                self._db.execute(
                    f"delete from {name} where pk = ? and dn = ?",
                    (identity.product_key, identity.device_name),
                )

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

    def seen(self) -> dict[Identity, float]:
        """When each device was heard of last, as far as it is kept: its first sign-in, what it
        reported, its progress (seconds since 1970).
        """
        rows = self._db.execute(
            "select pk, dn, max(time) from (select pk, dn, time from activated"
            " union all select pk, dn, time from reported"
            " union all select pk, dn, time from event join task on task.id = event.task"
            " where event.step is not null) group by pk, dn"
        )
        return {Identity(pk, dn): float(when) for pk, dn, when in rows}

    def versions(self, identity: Identity) -> dict[str, str]:
        """Module -> version of everything a device has reported."""
        return dict(
            self._db.execute(
                "select module, version from reported where pk = ? and dn = ?",
                (identity.product_key, identity.device_name),
            ).fetchall()
        )

    def all_versions(self) -> dict[Identity, dict[str, str]]:
        """That of every device, also of those that have reported nothing."""
        found = {identity: dict[str, str]() for identity in self.devices()}
        for pk, dn, module, version in self._db.execute(
            "select pk, dn, module, version from reported order by module"
        ):
            known = found.get(Identity(pk, dn))
            if known is not None:
                known[module] = version
        return found
