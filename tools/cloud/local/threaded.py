"""The stand-in's program in a thread of its own, called from other threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from tools.cli import Refused
from tools.cloud.dialect import Dialect
from tools.cloud.faults import Faults
from tools.cloud.records import Note
from tools.cloud.stand_in import Settings, StandIn

_T = TypeVar("_T")
_CALL_TIMEOUT_S = 30.0


class Threaded:
    """Starts the program, calls its functions in its thread, and ends it."""

    def __init__(
        self,
        folder: str | Path,
        *,
        certificate: str = "good",
        mqtt_certificate: str | None = None,
        https_certificate: str | None = None,
        on_note: Callable[[Note], None] | None = None,
        **settings: Any,
    ) -> None:
        self.folder = Path(folder)
        self._program = StandIn(
            Settings(
                folder=self.folder,
                mqtt_certificate=mqtt_certificate or certificate,
                https_certificate=https_certificate or certificate,
                **settings,
            )
        )
        self._records = self._program.records
        self._records.on_note = on_note
        self.faults: Faults = self._program.faults
        self.dialect: Dialect = self._program.dialect
        self.ca_pem = self._program.certificates.ca_pem
        self.ca_der = self._program.certificates.ca_der
        self.ca_file = self._program.certificates.ca_file
        self.public = self._program.public
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="local cloud", daemon=True)
        self._thread.start()
        self._start()
        # Where devices sign in: at the gateway, or at a broker, which has one port of the two.
        broker = self._program.settings.broker
        if broker is None:
            self.mqtt_port = self._program.listeners["mqtt"].port
            self.mqtts_port = self._program.listeners["mqtts"].port
        else:
            self.mqtt_port = 0 if broker.tls else broker.port
            self.mqtts_port = broker.port if broker.tls else 0
        self.https_port = self._program.listeners["https"].port
        self.http_port = self._program.listeners["http"].port
        self.page_url = self._program.page_url()

    def _start(self) -> None:
        """Whatever ends this (Ctrl-C, too) leaves nothing of the program behind."""
        starting = asyncio.run_coroutine_threadsafe(self._program.start(), self._loop)
        try:
            starting.result(_CALL_TIMEOUT_S)
        except BaseException:
            try:
                # (It may be up already, and only this thread does not know.)
                if not starting.cancel() and starting.exception() is None:
                    self._async(self._program.stop)
            finally:
                self._end_loop()
            raise

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        # Here, for whoever ends this may be in a loop of its own.
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())

    def _async(self, make: Callable[[], Awaitable[_T]]) -> _T:
        async def call() -> _T:
            return await make()

        if self._loop.is_closed():
            raise Refused("this stand-in is closed", "Make a new LocalCloud.")
        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(_CALL_TIMEOUT_S)

    def _call(self, function: Callable[[], _T]) -> _T:
        async def call() -> _T:
            return function()

        return self._async(call)

    def close(self) -> None:
        """Stop: every port and connection is closed, the folder stays."""
        if not self._loop.is_closed():
            try:
                self._async(self._program.stop)
            finally:
                self._end_loop()

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
