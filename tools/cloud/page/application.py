"""The page: GET / for the fleet, /tasks/N for one task's history, /events beside each of them.

It shows and changes nothing: there is no route that does. (Those of driving.py stand beside it.)
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from tools.cloud.mqtt.listener import EVERYWHERE
from tools.cloud.page.changes import changes
from tools.cloud.page.feed import Feed, Full
from tools.cloud.page.guard import TOKEN, guarded, new_token
from tools.cloud.page.lists import FOLDER, Lists, Renderer, environment
from tools.cloud.records import Records

_ALIVE_S = 15.0  # a line so often tells that the server is there, and finds out who is not
_NUMBER_MAX = 2**63 - 1  # SQLite's


class Page:
    """`snapshot()` and `history(number)` (KeyError) are what it shows; `changes()`: see Feed.

    It listens at `listen`: `token` has to be known elsewhere than on this machine, "" there.
    """

    def __init__(
        self,
        records: Records,
        changes: Callable[[], object],
        snapshot: Callable[[], dict[str, Any]],
        history: Callable[[int], dict[str, Any]],
        listen: str,
    ) -> None:
        self._snapshot = snapshot
        self._history = history
        self._templates = environment()
        self._rows = Renderer(self._templates)
        self._feed = Feed(records, changes, self._fleet)
        self._listen = listen
        self.token = new_token(listen)
        app = Starlette(
            routes=[
                Route("/", self._show_fleet),
                Route("/events", self._fleet_events),
                Route("/tasks/{number:int}", self._show_task),
                Route("/tasks/{number:int}/events", self._task_events),
                Mount("/static", StaticFiles(directory=FOLDER / "static")),
            ]
        )
        self.route = Mount("/", guarded(app, listen, self.token))

    def url(self, host: str, port: int) -> str:
        """Where a browser finds it; with a token it is a secret. `host`: if it is everywhere."""
        name = host if self._listen in EVERYWHERE else self._listen
        name = f"[{name}]" if ":" in name else name
        return f"http://{name}:{port}/" + (f"?{TOKEN}={self.token}" if self.token else "")

    def _fleet(self) -> Lists:
        return self._rows.fleet(self._snapshot())

    def _task(self, request: Request) -> dict[str, Any]:
        number = request.path_params["number"]
        try:
            return self._history(min(number, _NUMBER_MAX))
        except KeyError:
            raise HTTPException(404, "There is no such task.") from None

    async def _show_fleet(self, request: Request) -> Response:
        return self._html("fleet.html", lists=self._fleet(), events="/events")

    async def _show_task(self, request: Request) -> Response:
        task = self._task(request)
        events = f"/tasks/{task['id']}/events"
        return self._html("task.html", lists=self._rows.task(task), events=events, task=task)

    def _html(self, name: str, **values: Any) -> Response:
        return HTMLResponse(self._templates.get_template(name).render(values))

    async def _fleet_events(self, request: Request) -> Response:
        return self._stream(lambda: self._feed.lists)

    async def _task_events(self, request: Request) -> Response:
        number = self._task(request)["id"]
        return self._stream(lambda: self._rows.task(self._history(number)))

    def _stream(self, lists: Callable[[], Lists]) -> Response:
        return StreamingResponse(self._events(lists), media_type="text/event-stream")

    async def _events(self, lists: Callable[[], Lists]) -> AsyncIterator[str]:
        """All rows once, then what changes."""
        try:
            with self._feed.followed():
                seen = 0
                told: Lists = {}
                while True:
                    number = await self._feed.next(seen, _ALIVE_S)
                    if number == seen:
                        yield ": still here\n\n"
                        continue
                    seen = number
                    try:
                        now = lists()
                    except KeyError:  # the task was removed
                        return
                    for text in _messages(told, now):
                        yield text
                    told = now
        except Full:
            # The browser asks again by itself, after so many ms.
            yield "retry: 30000\nevent: full\ndata: {}\n\n"


def _messages(before: Lists, now: Lists) -> Iterator[str]:
    for change in changes(before, now):
        # JSON has no line ends in it: one line is one message.
        yield f"event: rows\ndata: {json.dumps(change)}\n\n"
