"""Dynamic registration over HTTPS: a form with the product's signature, answered with the secret.

"HTTPS-based dynamic registration" of directly connected devices: for names that are listed, as
`register` over MQTT is, and by the same rules (mqtt/registrar.py).
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tools.cloud.identity import Identity
from tools.cloud.mqtt.registrar import Registrar
from tools.cloud.mqtt.sign_in import METHODS, REGISTER, BadSignIn, SignIn
from tools.cloud.records import Records

PATH = "/auth/register/device"
_BODY_MAX = 8 * 1024
# Which code a refusal has is not documented for directly connected devices: those of sub-devices.
BAD_REQUEST, NOT_ALLOWED = 460, 401
_MEANING = {BAD_REQUEST: "request parameter error", NOT_ALLOWED: "request auth error"}


class HttpRegistration:
    """Answers POST /auth/register/device, over TLS only: the answer is a secret."""

    def __init__(self, registrar: Registrar, records: Records) -> None:
        self._registrar = registrar
        self._records = records

    def route(self) -> Route:
        """Where it is."""
        return Route(PATH, self._answer, methods=["POST"])

    async def _answer(self, request: Request) -> JSONResponse:
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > _BODY_MAX:
                return self._refuse("a stranger", BAD_REQUEST, "the body is too large")
        form = dict(parse_qsl(body.decode("latin-1")))
        identity = Identity(form.get("productKey", ""), form.get("deviceName", ""))
        if request.url.scheme != "https":
            return self._refuse(identity, BAD_REQUEST, "a registration without TLS")
        method = form.get("signMethod", "").lower()
        if method not in METHODS:
            known = ", ".join(METHODS)
            return self._refuse(identity, BAD_REQUEST, f"an unknown signMethod; use {known}")
        claim = SignIn(identity, "", method, None, False, form, REGISTER)
        try:
            answer = self._registrar.answer(claim, form.get("sign"), NOT_ALLOWED)
        except BadSignIn as refusal:
            code = NOT_ALLOWED if refusal.code == NOT_ALLOWED else BAD_REQUEST
            return self._refuse(identity, code, refusal.reason)
        self._records.note("register", identity, "answered over HTTPS")
        return JSONResponse({"code": 200, "data": answer, "message": "success"})

    def _refuse(self, who: object, code: int, why: str) -> JSONResponse:
        self._records.note("refused", who, f"registration over HTTPS, {code}: {why}")
        return JSONResponse({"code": code, "message": _MEANING[code]})
