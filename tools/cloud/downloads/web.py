"""The honest download server: starlette on uvicorn, inside the stand-in's own event loop.

`Web.protocol` is the factory for connections of one listener: uvicorn's protocol normally, the
raw responder while a fault is set that uvicorn cannot put on the wire.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import BaseRoute, Route

from tools.cloud.downloads.answers import Answer, Downloads
from tools.cloud.downloads.responder import Responder
from tools.cloud.hosting import Hosted


class Web:
    """Downloads over both listeners; `routes` are asked before them."""

    def __init__(self, downloads: Downloads, routes: Sequence[BaseRoute] = ()) -> None:
        self.downloads = downloads
        self.responder = Responder(downloads)
        app = Starlette(
            routes=[
                *routes,
                Route("/{path:path}", self._serve, methods=["GET", "HEAD", "POST", "PUT"]),
            ]
        )
        app.router.redirect_slashes = False  # a target without a path is none of ours
        self._hosted = Hosted(app)

    def protocol(self) -> Callable[[], asyncio.Protocol]:
        """The factory for connections."""

        def make() -> asyncio.Protocol:
            if self.downloads.faults.http_active():
                return self.responder.protocol()
            return self._hosted.protocol()

        return make

    async def _serve(self, request: Request) -> StreamingResponse:
        scope = request.scope
        target = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
        if scope["query_string"]:
            target += "?" + scope["query_string"].decode("latin-1")
        answer = self.downloads.answer(
            request.method, target, request.headers.get("range"), scope["scheme"]
        )
        response = StreamingResponse(self._body(answer), answer.status)
        response.raw_headers = [(k.encode(), v.encode("latin-1")) for k, v in answer.headers]
        return response

    async def _body(self, answer: Answer) -> AsyncIterator[bytes]:
        how = "broken"
        try:
            for piece in answer.pieces():
                yield piece
                self.downloads.sent(answer, len(piece))
                # uvicorn swallows what it sends to a device that went away: let the news of it
                # arrive, which cancels this.
                await asyncio.sleep(0)
            how = "complete"
        finally:
            self.downloads.ended(answer, how)

    @property
    def connections(self) -> int:
        """How many are open, but for those of the bent server."""
        return self._hosted.connections

    async def close(self) -> None:
        """Drop every connection and wait for what still answers one."""
        await self.responder.close()
        await self._hosted.close()
