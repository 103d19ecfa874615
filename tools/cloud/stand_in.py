"""The stand-in as one asyncio program: everything wired together, its listeners and its control.

Nothing here is thread-safe; `LocalCloud` (local/) runs it in a thread of its own.
"""

from __future__ import annotations

import asyncio
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.routing import BaseRoute

from tools.cloud import control
from tools.cloud.certs import Certificates
from tools.cloud.clock import Clock
from tools.cloud.context import Context
from tools.cloud.dialect import Dialect
from tools.cloud.downloads.answers import Downloads
from tools.cloud.downloads.registration import HttpRegistration
from tools.cloud.downloads.web import Web
from tools.cloud.faults import Faults
from tools.cloud.hosting import Hosted
from tools.cloud.identity import Identity
from tools.cloud.mqtt import own_messages
from tools.cloud.mqtt.broker import Broker
from tools.cloud.mqtt.gateway import Gateway
from tools.cloud.mqtt.link import BrokerLink
from tools.cloud.mqtt.listener import Factory, Listener
from tools.cloud.openapi.application import OpenApi
from tools.cloud.openapi.keys import access_key
from tools.cloud.openapi.ledger import Ledger
from tools.cloud.openapi.services import Services
from tools.cloud.openapi.signature import Verifier
from tools.cloud.openapi.uploads import Uploads
from tools.cloud.ota.blocks import Blocks
from tools.cloud.ota.service import OtaService
from tools.cloud.page.application import Page
from tools.cloud.page.driving import Control
from tools.cloud.page.guard import is_local
from tools.cloud.records import Records
from tools.cloud.rows import history, kept
from tools.cloud.store import CloudStore

# The listeners that a broker takes the place of.
_GATEWAY = {"mqtt", "mqtts"}
_PAGE, _CONTROL = "page", "control"
_NOTES = 12  # that a snapshot has


@dataclass(frozen=True)
class Settings:
    """Where to listen and what to show. Port 0 takes any free port.

    `public` is the name or address that links carry and certificates hold for: what the boards
    reach this machine by. `keep` bounds the records of a server that runs for weeks. The page for
    a browser has an address of its own; without a port there is no page. With a `broker` devices
    sign in there, and the gateway's two ports are not opened.
    """

    folder: Path
    listen: str = "127.0.0.1"
    public: str = ""
    mqtt_port: int = 0
    mqtts_port: int = 0
    https_port: int = 0
    http_port: int = 0
    mqtt_certificate: str = "good"
    https_certificate: str = "good"
    keep: int | None = None
    page_listen: str = "127.0.0.1"
    page_port: int | None = None
    broker: Broker | None = None


class StandIn:
    """Every part of the stand-in. `start()` before anything else, `stop()` at the end."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.folder = settings.folder
        self.files = settings.folder / "files"
        self.files.mkdir(parents=True, exist_ok=True)
        self.clock = Clock()
        self.faults = Faults()
        self.dialect = Dialect()
        self.records = Records(self.clock.time, settings.keep)
        public = settings.public or (
            "127.0.0.1" if settings.listen in ("0.0.0.0", "::") else settings.listen
        )
        self.public = public
        self.certificates = Certificates(self.folder, (public,))
        self.listeners: dict[str, Listener] = {}
        self.broker: BrokerLink | None = None
        self.page: Page | None = None

    async def start(self) -> None:
        """Open the store and every port. Raises Refused."""
        self.store = CloudStore(self.folder / "cloud.sqlite")
        self.ledger = Ledger(self.folder / "cloud.sqlite", self.store)
        try:
            context = Context(
                self.store, self.files, self.records, self.clock, self.faults, self.dialect
            )
            self.gateway = Gateway(context)
            if self.settings.broker is not None:
                self.broker = BrokerLink(
                    self.settings.broker,
                    f"alink-ota-{self.store.folder_id()}",
                    lambda identity: self.store.secret(identity) is not None,
                    self.records,
                    self.clock,
                )
            sender = self.broker or self.gateway
            self.downloads = Downloads(context)
            self.ota = OtaService(
                context, sender, self.downloads, Blocks(context, sender, self.gateway.cut)
            )
            self.gateway.service = self.ota
            registration = HttpRegistration(self.gateway.registrar, self.records)
            self.web = Web(self.downloads, [self._api().route(), registration.route()])
            await self._listen()
            control.tell(self.folder, self._control_url(), self.control.token)
            if self.broker is not None:
                self.broker.service = self.ota
                self.broker.on_connected = self.ota.rollout.release_all
                self.broker.start()
        except BaseException:
            for listener in self.listeners.values():
                await listener.close()
            self.ledger.close()
            self.store.close()
            raise

    def _api(self) -> OpenApi:
        self.access_key = access_key(self.folder)
        services = Services(
            self.store,
            self.files,
            self.ota.book,
            self.ota.rollout,
            self.records,
            self.clock,
            self.ledger,
            Uploads(self.folder / "uploads", self.clock, self.store.link_key()),
            lambda identity: identity in self.gateway.sessions,
            self.ota.cancel,
            self.ota.sender.send,
            self.gateway.drop,
        )
        return OpenApi(services, Verifier(self.access_key), self.faults)

    async def _listen(self) -> None:
        settings = self.settings
        plans: list[tuple[str, int, Factory, str | None]] = [
            ("mqtt", settings.mqtt_port, self.gateway.protocol(False), None),
            (
                "mqtts",
                settings.mqtts_port,
                self.gateway.protocol(True),
                settings.mqtt_certificate,
            ),
            ("https", settings.https_port, self.web.protocol(), settings.https_certificate),
            ("http", settings.http_port, self.web.protocol(), None),
        ]
        for name, port, factory, kind in plans:
            if settings.broker is not None and name in _GATEWAY:
                continue
            tls = None if kind is None else self.certificates.context(kind)
            self.listeners[name] = Listener(
                (settings.listen, port), factory, tls, functools.partial(self._failed, name)
            )
        self._listen_here()
        host = f"[{self.public}]" if ":" in self.public else self.public
        for scheme in ("https", "http"):
            self.downloads.urls[scheme] = f"{scheme}://{host}:{self.listeners[scheme].port}"
        for listener in self.listeners.values():
            listener.open()

    def _listen_here(self) -> None:
        """For the other commands, on this machine, and for a browser: one application."""
        settings = self.settings
        self.control = Control(
            self.records,
            {
                "hello": lambda _: {},
                "snapshot": lambda _: self.snapshot(),
                "offer": lambda said: {"sent": self._offer(int(said["task"]))},
                "release": lambda said: {"sent": self.ota.rollout.release(int(said["batch"]))},
                "messages": lambda said: own_messages.since(self.records, said["after"]),
                "send": lambda said: own_messages.sent(self.ota.sender, said),
                "drop": lambda said: self._drop(str(said["product"]), str(said["device"])),
            },
        )
        routes: list[BaseRoute] = [self.control.route]
        at: dict[str, tuple[str, int]] = {}
        if settings.page_port is not None:
            self.page = Page(
                self.records,
                self.store.changes,
                self.snapshot,
                lambda number: history(self.store, number),
                settings.page_listen,
            )
            routes.append(self.page.route)
            at[_PAGE] = (settings.page_listen, settings.page_port)
        if self.page is None or not is_local(settings.page_listen):
            at[_CONTROL] = ("127.0.0.1", 0)
        self.hosted = Hosted(Starlette(routes=routes))
        for name, address in at.items():
            self.listeners[name] = Listener(
                address, self.hosted.protocol, None, functools.partial(self._failed, name)
            )

    def _control_url(self) -> str:
        listener = self.listeners.get(_CONTROL) or self.listeners[_PAGE]
        host = f"[{listener.host}]" if ":" in listener.host else listener.host
        return f"http://{host}:{listener.port}"

    def _failed(self, listener: str, why: str) -> None:
        self.records.note("tls", "-", f"a connection to {listener} failed: {why}")

    def _offer(self, task: int) -> bool:
        return self.ota.offer(self.store.task_by_id(task))

    def _drop(self, product: str, device: str) -> dict[str, Any]:
        self.gateway.drop(Identity(product, device))
        return {}

    def _api_at(self) -> str:
        """Where programs on this machine call the API: host and port."""
        listen = self.settings.listen
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listen, listen)
        return f"{f'[{host}]' if ':' in host else host}:{self.listeners['http'].port}"

    def page_url(self) -> str:
        """Where a browser finds the page, with its token if it needs one; "" without a page."""
        if self.page is None:
            return ""
        return self.page.url(self.public, self.listeners[_PAGE].port)

    def snapshot(self) -> dict[str, Any]:
        """What the server is doing, for `status` and `watch`: no secret and no link in it."""
        records, link = self.records, self.broker
        shown = kept(self.store)
        for identity, when in self.gateway.seen.items():
            shown["seen"][str(identity)] = max(when, shown["seen"].get(str(identity), 0.0))
        return {
            **shown,
            "ports": {name: listener.port for name, listener in self.listeners.items()},
            "public": self.public,
            "api": self._api_at(),
            "online": {str(identity): c.tls for identity, c in self.gateway.sessions.items()},
            "broker": None if link is None else f"{link.broker}: {link.state}",
            "downloads": [
                {
                    "device": d.device,
                    "file": d.file,
                    "start": d.range_start or 0,
                    "sent": d.bytes_sent,
                    "size": d.size,
                }
                for d in records.downloads
                if not d.ended
            ],
            "notes": [[n.time, n.kind, n.device, n.text] for n in records.notes[-_NOTES:]],
            "violations": len(records.violations),
        }

    async def stop(self) -> None:
        """Close everything; nothing is left running or open."""
        control.withdraw(self.folder, self.control.token)
        if self.broker is not None:
            await self.broker.stop()
        for listener in self.listeners.values():
            await listener.close()
        self.gateway.close("the stand-in stops")
        await self.web.close()
        await self.hosted.close()
        self.clock.stop()
        # Two turns of the loop, so that aborted transports close their sockets.
        for _ in range(2):
            await asyncio.sleep(0)
        self.ledger.close()
        self.store.close()

    async def go_dead(self, refuse: bool) -> None:
        """The gateway falls silent, or (`refuse`) is gone: connections closed and refused."""
        if refuse:
            self.gateway.close("the gateway is gone")
        else:
            self.gateway.go_dead()
        for name in _GATEWAY & self.listeners.keys():
            listener = self.listeners[name]
            await (listener.close() if refuse else listener.silence())
        self.records.note("fault", "-", "the gateway refuses" if refuse else "the gateway is dead")

    async def come_back(self) -> None:
        """The end of `go_dead`."""
        for name in _GATEWAY & self.listeners.keys():
            self.listeners[name].open()
        self.gateway.come_back()
        self.records.note("fault", "-", "the gateway is back")
