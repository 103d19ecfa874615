"""POST /control/NAME: what the other commands have the server do, JSON there and back.

It does this for who knows the token, and over this machine's own addresses only, wherever else
the page may be seen.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tools.cloud.page.guard import is_local
from tools.cloud.records import Records

_BODY_BYTES = 512 * 1024  # a message of 256 KB in Base64, and what stands around it

# What an action is given, and what it says.
Action = Callable[[dict[str, Any]], dict[str, Any]]


class Control:
    """Answers with the action of the name. `questions` were asked so far."""

    def __init__(self, records: Records, actions: Mapping[str, Action]) -> None:
        self._records = records
        self._actions = actions
        self.token = secrets.token_urlsafe(24)
        self.questions = 0
        self.route = Route("/control/{name}", self._answer, methods=["POST"])

    async def _answer(self, request: Request) -> Response:
        server = request.scope.get("server") or ("", 0)
        given = request.headers.get("authorization", "").encode()
        # Both are bytes: of texts it takes ASCII only. Its time tells nothing of the token.
        known = hmac.compare_digest(given, f"Bearer {self.token}".encode())
        if not known or not is_local(server[0]):
            raise HTTPException(403)
        self.questions += 1
        self._records.changed()
        action = self._actions.get(request.path_params["name"])
        if action is None:
            raise HTTPException(404, "It is another version, and does not know this.")
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > _BODY_BYTES:
                raise HTTPException(400, "That is too long.")
        try:
            return JSONResponse(action(json.loads(body)))
        except KeyError as exc:
            raise HTTPException(404, f"There is no {exc}.") from None
        # RecursionError: JSON that is nested deeply.
        except (ValueError, TypeError, RecursionError) as exc:
            self._records.note("control", "-", f"a bad control request: {exc!r}")
            raise HTTPException(400, "That is no request of a command.") from None
