"""The page: GET / for the fleet, /tasks/N for one task's history, /events beside each of them.

It shows and changes nothing: there is no route that does. (Those of driving.py stand beside it.)
"""

from __future__ import annotations

import functools
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
from tools.cloud.page.language import LANGUAGES, SWITCH, chosen
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
        self._templates = {language: environment(language) for language in LANGUAGES}
        self._rows = {language: Renderer(made) for language, made in self._templates.items()}
        self._feeds = {
            language: Feed(records, changes, functools.partial(self._fleet, language))
            for language in LANGUAGES
        }
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

    def _fleet(self, language: str) -> Lists:
        return self._rows[language].fleet(self._snapshot())

    def _task(self, request: Request) -> dict[str, Any]:
        number = request.path_params["number"]
        try:
            return self._history(min(number, _NUMBER_MAX))
        except KeyError:
            raise HTTPException(404, "There is no such task.") from None

    async def _show_fleet(self, request: Request) -> Response:
        lists = self._fleet(chosen(request))
        return self._html(request, "fleet.html", lists=lists, events="/events")

    async def _show_task(self, request: Request) -> Response:
        task = self._task(request)
        lists = self._rows[chosen(request)].task(task)
        events = f"/tasks/{task['id']}/events"
        return self._html(request, "task.html", lists=lists, events=events, task=task)

    def _html(self, request: Request, name: str, **values: Any) -> Response:
        template = self._templates[chosen(request)].get_template(name)
        response = HTMLResponse(
            template.render(values), headers={"Vary": "Accept-Language, Cookie"}
        )
        asked = request.query_params.get(SWITCH)
        if asked in LANGUAGES:  # for the pages behind its links
            response.set_cookie(SWITCH, asked, httponly=True, samesite="strict")
        return response

    async def _fleet_events(self, request: Request) -> Response:
        feed = self._feeds[chosen(request)]
        return self._stream(feed, lambda: feed.lists)

    async def _task_events(self, request: Request) -> Response:
        number, language = self._task(request)["id"], chosen(request)
        return self._stream(
            self._feeds[language], lambda: self._rows[language].task(self._history(number))
        )

    def _stream(self, feed: Feed, lists: Callable[[], Lists]) -> Response:
        return StreamingResponse(self._events(feed, lists), media_type="text/event-stream")

    async def _events(self, feed: Feed, lists: Callable[[], Lists]) -> AsyncIterator[str]:
        """All rows once, then what changes."""
        try:
            with feed.followed():
                seen = 0
                told: Lists = {}
                while True:
                    number = await feed.next(seen, _ALIVE_S)
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
