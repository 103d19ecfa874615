"""A starlette application on uvicorn, inside the event loop that runs already.

uvicorn's own server would take the signals and a loop for itself. Here a Listener accepts, and
`protocol()` is what it makes of each connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import uvicorn
from starlette.types import ASGIApp


class Hosted:
    """Answers connections with `app`."""

    def __init__(self, app: ASGIApp) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            date_header=False,
            http="h11",
            ws="none",
            timeout_keep_alive=10,
        )
        config.load()
        self._config = config
        self._state = uvicorn.Server(config).server_state

    def protocol(self) -> asyncio.Protocol:
        """What serves one connection."""
        make = cast(Callable[..., asyncio.Protocol], self._config.http_protocol_class)
        return make(config=self._config, server_state=self._state, app_state={})

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._state.connections)

    async def close(self) -> None:
        """Drop every connection and wait for what still answers one."""
        for connection in list(self._state.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None:
                transport.abort()
        tasks = list(self._state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
