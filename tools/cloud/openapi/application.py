"""The two doors of the API on the stand-in's port: / with a signature, and OSS's PostObject.

An answer of the service is 200 with `Success`; what the gateway refuses is a status of its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any
from xml.sax.saxutils import escape

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Route
from starlette.types import Scope

from tools.cli import Refused
from tools.cloud.faults import Faults
from tools.cloud.openapi import devices, firmwares, jobs, messages, modules, progress
from tools.cloud.openapi.errors import ILLEGAL, GatewayError, ServiceError
from tools.cloud.openapi.parameters import Parameters
from tools.cloud.openapi.services import Services
from tools.cloud.openapi.signature import Verifier
from tools.cloud.openapi.throttling import Throttle
from tools.cloud.openapi.uploads import SIZE_MAX, UploadError

VERSION = "2018-01-20"
_OPERATIONS: dict[str, Callable[[Services, Parameters], dict[str, Any]]] = {
    "GenerateOTAUploadURL": firmwares.generate_upload_url,
    "CreateOTAFirmware": firmwares.create,
    "DeleteOTAFirmware": firmwares.delete,
    "ListOTAFirmware": firmwares.list_,
    "QueryOTAFirmware": firmwares.query,
    "CreateOTAModule": modules.create,
    "ListOTAModuleByProduct": modules.list_,
    "CreateOTAVerifyJob": jobs.create_verify,
    "CreateOTAStaticUpgradeJob": jobs.create_static,
    "CreateOTADynamicUpgradeJob": jobs.create_dynamic,
    "QueryOTAJob": progress.query_job,
    "ListOTAJobByFirmware": progress.list_jobs_by_firmware,
    "ListOTAJobByDevice": progress.list_jobs_by_device,
    "ListOTATaskByJob": progress.list_tasks_by_job,
    "ListOTAUnfinishedTaskByDevice": progress.list_unfinished,
    "ConfirmOTATask": progress.confirm,
    "CancelOTAStrategyByJob": progress.cancel_strategy,
    "CancelOTATaskByJob": progress.cancel_by_job,
    "CancelOTATaskByDevice": progress.cancel_by_device,
    "Pub": messages.publish,
    "QueryDevice": devices.query,
    "GetDeviceStatus": devices.status,
    "QueryDeviceDetail": devices.detail,
    "ListOTAModuleVersionsByDevice": devices.module_versions,
    "DeleteDevice": devices.delete,
}
_FORM = "multipart/form-data"
_URL_ENCODED = "application/x-www-form-urlencoded"
_BODY_MAX = 512 * 1024  # a message of 256 KB in Base64, and what stands around it
_FORM_MAX = 64 * 1024  # of an upload, beside its file
OPERATIONS = tuple(_OPERATIONS)


class ApiRoute(Route):
    """Requests for / that are calls or uploads; all others are left to the routes behind it."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether this is one."""
        headers = Headers(scope=scope)
        form = headers.get("content-type", "").startswith(_FORM)
        if "x-acs-action" not in headers and not form:
            return Match.NONE, {}
        return super().matches(scope)


class OpenApi:
    """Answers /. Nothing is answered that was not signed, and nothing secret is noted."""

    def __init__(self, services: Services, verifier: Verifier, faults: Faults) -> None:
        self._services = services
        self._verifier = verifier
        self._throttle = Throttle(services.clock, faults)

    def route(self) -> ApiRoute:
        """Where it is."""
        return ApiRoute("/", self.answer, methods=["GET", "POST"])

    async def answer(self, request: Request) -> Response:
        """A call, or an upload."""
        if request.headers.get("content-type", "").startswith(_FORM):
            return await self._upload(request)
        identifier = str(uuid.uuid4()).upper()
        action = request.headers.get("x-acs-action", "")
        try:
            said = await self._call(request, action)
        except GatewayError as exc:
            self._services.records.note("api", "-", f"{_shown(action)}: {exc.code}")
            body = {"RequestId": identifier, "Code": exc.code, "Message": exc.message}
            return JSONResponse(body, exc.status)
        except (ServiceError, Refused) as exc:
            code = exc.code if isinstance(exc, ServiceError) else ILLEGAL
            message = exc.message if isinstance(exc, ServiceError) else str(exc)
            self._services.records.note("api", "-", f"{_shown(action)}: {code}: {message}")
            return JSONResponse(
                {
                    "RequestId": identifier,
                    "Success": False,
                    "Code": code,
                    "ErrorMessage": message,
                }
            )
        return JSONResponse({"RequestId": identifier, "Success": True, "Code": "", **said})

    async def _call(self, request: Request, action: str) -> dict[str, Any]:
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > _BODY_MAX:
                raise GatewayError(400, "InvalidParameter", "The body is too large.")
        query = request.scope["query_string"].decode("latin-1")
        self._verifier.check(request.method, request.headers, query, body)
        operation = _OPERATIONS.get(action)
        if operation is None or request.headers.get("x-acs-version") != VERSION:
            raise GatewayError(
                404,
                "InvalidApi.NotFound",
                "Specified api is not found, please check your url and method.",
            )
        self._throttle.count(action)
        # The host is signed, so it is who called that gets to hear it again.
        called = f"{request.scope['scheme']}://{request.headers['host']}"
        if request.headers.get("content-type", "").startswith(_URL_ENCODED):
            query += "&" + body.decode("latin-1")
        return operation(self._services, Parameters(query, called))

    async def _upload(self, request: Request) -> Response:
        uploads, began = self._services.uploads, self._services.clock.time()
        try:
            # Before a byte of it lies on this disk: who sends it is known only behind the form.
            length = request.headers.get("content-length", "")
            if not length.isdecimal() or int(length) > SIZE_MAX + _FORM_MAX:
                raise UploadError(400, "EntityTooLarge", "The length is missing, or too much.")
            form = await request.form(max_files=1, max_fields=20)
            file = form.get("file")
            if not isinstance(file, UploadFile):
                raise UploadError(400, "InvalidArgument", "The form field file is missing.")
            fields = {name: value for name, value in form.items() if isinstance(value, str)}
            key = uploads.check(fields, began)
            uploads.put(key, file.file)
            self._services.records.note("api", "-", f"uploaded {file.size} bytes")
        except (UploadError, MultiPartException) as exc:
            error = (
                exc
                if isinstance(exc, UploadError)
                else UploadError(400, "MalformedPOSTRequest", "The body is no valid form.")
            )
            self._services.records.note("api", "-", f"upload refused: {error}")
            xml = (
                '<?xml version="1.0" encoding="UTF-8"?>\n'
                f"<Error><Code>{error.code}</Code><Message>{escape(error.message)}</Message>"
                "</Error>"
            )
            return Response(xml, error.status, media_type="application/xml")
        status = fields.get("success_action_status", "204")
        return Response(status_code=int(status) if status in ("200", "201") else 204)


def _shown(action: str) -> str:
    return action[:64] if action.isalnum() else "a call without a name"
