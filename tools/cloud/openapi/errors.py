"""How a call fails: at the gateway (an HTTP status), or in the service (200, Success false).

Gateway: "Public error codes" of the OpenAPI gateway. Service: "Error codes" of IoT Platform
(87387). That page has no code for most of what an OTA call may be refused for; then the code is
ILLEGAL ("The request parameter is invalid"), and the message says what.
"""

from __future__ import annotations

ILLEGAL = "iot.system.IllegalRequest"
NO_PRODUCT = "iot.prod.NotExistedProduct"
NO_DEVICE = "iot.device.NotExistedDevice"
BAD_PAGE = "iot.common.InvalidPageParams"


class HttpError(Exception):
    """A request that is refused with an HTTP status."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message


class GatewayError(HttpError):
    """A request that does not reach the service."""


class ServiceError(Exception):
    """A call that the service does not do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


def illegal(message: str) -> ServiceError:
    """The error of a call that no documented code fits."""
    return ServiceError(ILLEGAL, message)
