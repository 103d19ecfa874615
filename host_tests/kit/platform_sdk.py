"""The platform's own SDK, unmodified, pointed at a stand-in; calls by their names in the API."""

from __future__ import annotations

import re
from typing import Any

import requests
from alibabacloud_iot20180120 import models
from alibabacloud_iot20180120.client import Client
from alibabacloud_tea_openapi.models import Config

from tools.cloud import LocalCloud

TIMEOUT_S = 20


def sdk(cloud: LocalCloud, *, id: str | None = None, secret: str | None = None) -> Client:
    """A client that signs with the stand-in's key, or with another."""
    key = cloud.access_key
    return Client(
        Config(
            access_key_id=id or key.id,
            access_key_secret=secret or key.secret,
            endpoint=f"127.0.0.1:{cloud.http_port}",
            protocol="http",
            read_timeout=TIMEOUT_S * 1000,
        )
    )


def call(client: Client, action: str, **fields: Any) -> dict[str, Any]:
    """Make a call with the SDK's own request; the whole answer. `fields` as the API names them."""
    request = getattr(models, f"{action}Request")().from_map(fields)
    method = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=OTA)(?=[A-Z])", "_", action).lower()
    method = method.replace("ota_", "ota")
    answer: dict[str, Any] = getattr(client, method)(request).body.to_map()
    return answer


def post_object(data: dict[str, Any], content: bytes, **changes: str) -> requests.Response:
    """Upload a file as OSS's PostObject does, with what GenerateOTAUploadURL gave."""
    fields = {
        "key": data["Key"],
        "OSSAccessKeyId": data["OSSAccessKeyId"],
        "policy": data["Policy"],
        "Signature": data["Signature"],
        **changes,
    }
    return requests.post(
        data["Host"], data=fields, files={"file": ("app.bin", content)}, timeout=TIMEOUT_S
    )


def uploaded(client: Client, content: bytes, suffix: str = "bin") -> str:
    """The address of an uploaded file."""
    data = call(client, "GenerateOTAUploadURL", FileSuffix=suffix)["Data"]
    assert post_object(data, content).status_code == 204
    return str(data["FirmwareUrl"])
