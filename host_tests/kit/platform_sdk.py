"""The platform's own SDK, unmodified, pointed at a stand-in; calls by their names in the API."""

from __future__ import annotations

import re
from typing import Any

import requests
from alibabacloud_iot20180120 import models
from alibabacloud_iot20180120.client import Client
from alibabacloud_tea_openapi.models import Config

from host_tests.kit.raw_mqtt import PK, SECRET
from tools.cloud import LocalCloud

TIMEOUT_S = 20
NAMES = ("east", "north", "south", "west")


def four_devices(cloud: LocalCloud) -> None:
    """Add them; neither their CONNECTs nor calls are counted."""
    cloud.faults.connects_per_minute = None
    cloud.faults.limit_calls = False
    for name in NAMES:
        cloud.add_device(PK, name, SECRET)


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


def done(client: Client, action: str, **fields: Any) -> dict[str, Any]:
    """The answer of a call that succeeds."""
    answer = call(client, action, **fields)
    assert answer["Success"], answer
    return answer


def why(client: Client, action: str, **fields: Any) -> str:
    """The message of a call that the service refuses."""
    answer = call(client, action, **fields)
    assert not answer["Success"]
    assert answer["Code"].startswith("iot.")
    return str(answer["ErrorMessage"])


def package(client: Client, version: str = "1.1.0", verify: bool = False, **more: Any) -> str:
    """The ID of a new package."""
    fields = {
        "FirmwareName": "app-" + version.replace(".", "_"),
        "ProductKey": PK,
        "DestVersion": version,
        "NeedToVerify": verify,
        **more,
    }
    if "MultiFiles" not in fields:
        fields.setdefault("FirmwareUrl", uploaded(client, version.encode()))
    return str(done(client, "CreateOTAFirmware", **fields)["Data"]["FirmwareId"])


def job(client: Client, firmware: str, kind: str = "Static", **more: Any) -> str:
    """The ID of a new batch: of all devices unless told."""
    if kind == "Static":
        more.setdefault("TargetSelection", "ALL")
    action = "CreateOTAVerifyJob" if kind == "Verify" else f"CreateOTA{kind}UpgradeJob"
    answer = done(client, action, FirmwareId=firmware, ProductKey=PK, **more)
    return str(answer["Data"]["JobId"])


def states(client: Client, job_id: str, **more: Any) -> dict[str, str]:
    """Device -> the state of its task in a batch."""
    answer = done(client, "ListOTATaskByJob", JobId=job_id, CurrentPage=1, PageSize=100, **more)
    return {one["DeviceName"]: one["TaskStatus"] for one in answer["Data"]["SimpleOTATaskInfo"]}


def status(client: Client, job_id: str) -> str:
    """The state of a batch."""
    return str(done(client, "QueryOTAJob", JobId=job_id)["Data"]["JobStatus"])
