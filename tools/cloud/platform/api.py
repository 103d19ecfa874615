"""Calls of the API through the platform's own SDK: by the names its pages use, in and out.

What fails is Refused, with what to do. A call that came too fast is made again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

from tools.cli import Refused

_TRIES = 10
_PAUSE_S = 1.0
PAGE = 100

_ADVICE = {
    "iot.prod.NotExistedProduct": "Check the product key, the region and the instance of --at.",
    "iot.device.NotExistedDevice": "Check the device's name; `device list` shows them.",
    "iot.system.InstanceNotFound": "Check the instance: --at REGION/INSTANCE, the ID as the "
    "console shows it.",
    "iot.Sre.IotInstanceNotFound": "Check the instance: --at REGION/INSTANCE, the ID as the "
    "console shows it.",
    "iot.common.RamActionPermissionDeny": "Give the RAM user of this key AliyunIOTFullAccess, or "
    "the one operation.",
    "InvalidAccessKeyId.NotFound": "Check ALIBABA_CLOUD_ACCESS_KEY_ID, or the profile.",
    "SignatureDoesNotMatch": "Check ALIBABA_CLOUD_ACCESS_KEY_SECRET, or the profile.",
    "InvalidTimeStamp.Expired": "Set the clock of this machine.",
}
_OTHERWISE = "What the platform means by that: docs/platform-api.md."


class NoAnswer(Refused):
    """There was no answer; the next try may have one."""


class Api:
    """One place to call: `name` for messages, `instance` where the place has instances.

    `desk` is true for the stand-in.
    """

    def __init__(
        self,
        client: Any,
        name: str,
        instance: str | None = None,
        *,
        desk: bool = False,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self.name = name
        self.instance = instance
        self.desk = desk
        self._pause = pause

    def call(self, action: str, **fields: Any) -> dict[str, Any]:
        """The answer of a call. Fields that are None are left out. Raises Refused."""
        from alibabacloud_iot20180120 import models

        given = {name: value for name, value in fields.items() if value not in (None, [], "")}
        if self.instance is not None:
            given["IotInstanceId"] = self.instance
        request = getattr(models, f"{action}Request")().from_map(given)
        method = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=OTA)(?=[A-Z])", "_", action).lower()
        answer = self._made(action, getattr(self._client, method.replace("ota_", "ota")), request)
        if not answer.get("Success"):
            code, message = answer.get("Code"), answer.get("ErrorMessage")
            raise _refused(self.name, action, str(code), str(message))
        return answer

    def _made(self, action: str, method: Callable[[Any], Any], request: Any) -> dict[str, Any]:
        from Tea.exceptions import TeaException

        for left in reversed(range(_TRIES)):
            try:
                answer: dict[str, Any] = method(request).body.to_map()
                return answer
            except TeaException as exc:
                code = str(exc.code)
                if code.startswith("Throttling") and left:
                    self._pause(_PAUSE_S)
                    continue
                if getattr(exc, "status_code", None):
                    raise _refused(self.name, action, code, _plain(str(exc.message))) from None
                raise NoAnswer(
                    f"{self.name} cannot be reached: {_plain(str(exc.message))}",
                    "Start the stand-in with `serve`."
                    if self.desk
                    else "Check the network and the region.",
                ) from None
        raise AssertionError("unreachable")

    def pages(self, action: str, *path: str, size: int = PAGE, **fields: Any) -> Iterator[Any]:
        """Every entry of a list that comes in pages; `path` leads to it in an answer."""
        number = 1
        while True:
            answer = self.call(action, CurrentPage=number, PageSize=size, **fields)
            found: Any = answer
            for name in path:
                found = (found or {}).get(name)
            yield from found or []
            if number >= int(answer.get("PageCount") or 0):
                return
            number += 1


def _refused(place: str, action: str, code: str, message: str) -> Refused:
    return Refused(
        f"{place} refuses {action}: {message.rstrip('.')} ({code})", _ADVICE.get(code, _OTHERWISE)
    )


def _plain(message: str) -> str:
    """An SDK's message without what it puts around the platform's own words."""
    return re.sub(r"^code: \d+, | request id: \S*$", "", message).strip()
