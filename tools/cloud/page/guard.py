"""Who may see the page, and what a browser may do with it.

On this machine alone: everybody on it, by a name of this machine. A page of somewhere else whose
name was made to lead here (DNS rebinding) comes with its own name in Host, and is refused.

Elsewhere: who has the token. It comes once, in the address that `serve` tells; after that it is
a cookie, so that it stands in no address bar and no history.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets

from starlette.datastructures import MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TOKEN = "token"
_HEADERS = {
    "Cache-Control": "no-store",
    # The page's own files alone: were anything of a device ever taken for HTML, it would not run.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def is_local(listen: str) -> bool:
    """True for an address that nothing but this machine reaches."""
    try:
        return ipaddress.ip_address(listen).is_loopback
    except ValueError:
        return listen == "localhost"


def new_token(listen: str) -> str:
    """What has to be known to see a page that listens there; "" where that is nothing."""
    return "" if is_local(listen) else secrets.token_urlsafe(24)


def guarded(app: ASGIApp, listen: str, token: str) -> ASGIApp:
    """The application behind its guard."""
    if token:
        return _WithHeaders(_WithToken(app, token))
    host = f"[{listen}]" if ":" in listen else listen
    names = [host, "127.0.0.1", "localhost", "[::1]"]
    return _WithHeaders(TrustedHostMiddleware(app, names, www_redirect=False))


class _WithToken:
    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        # Cookies are of a host, whatever its port: two servers on it must not share one.
        cookie = f"alink_page_{(scope.get('server') or ('', 0))[1]}"
        if self._is_it(request.cookies.get(cookie)):
            await self._app(scope, receive, send)
        elif self._is_it(request.query_params.get(TOKEN)):
            response = RedirectResponse("/" + request.url.path.lstrip("/"), 303)
            response.set_cookie(cookie, self._token.decode(), httponly=True, samesite="strict")
            await response(scope, receive, send)
        else:
            text = "Open the address that `serve` has told, with its token.\n"
            await PlainTextResponse(text, 403)(scope, receive, send)

    def _is_it(self, given: str | None) -> bool:
        # Both are bytes: of texts it takes ASCII only. Its time tells nothing of the token.
        return hmac.compare_digest((given or "").encode(), self._token)


class _WithHeaders:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
            await send(message)

        await self._app(scope, receive, with_headers)
