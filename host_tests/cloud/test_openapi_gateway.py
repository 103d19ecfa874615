"""The door of the platform's API on the stand-in: signatures, limits, uploads. Its SDK knocks."""

from __future__ import annotations

import json
import re
import socket
import stat
from pathlib import Path
from typing import Any

import pytest
import requests
from alibabacloud_iot20180120.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException
from alibabacloud_tea_openapi.utils import Utils

from host_tests.kit.platform_sdk import call, post_object, sdk, uploaded
from host_tests.kit.raw_mqtt import PK, SECRET
from tools.cli import Refused
from tools.cloud import LocalCloud
from tools.cloud.openapi.keys import access_key

MINUTE = 60.0


def prepare(cloud: LocalCloud) -> None:
    cloud.add_device(PK, "north", SECRET)


def refused(client: Client, action: str, **fields: Any) -> tuple[int, str]:
    """The status and the code that the gateway refuses a call with."""
    with pytest.raises(ClientException) as caught:
        call(client, action, **fields)
    return caught.value.status_code, caught.value.code


# --- who may call ---


def test_a_call_that_another_key_signed_is_refused(cloud: LocalCloud) -> None:
    forged = sdk(cloud, secret="0" * 30)
    assert refused(forged, "QueryDevice", ProductKey=PK) == (400, "SignatureDoesNotMatch")
    stranger = sdk(cloud, id="LTAInobody")
    assert refused(stranger, "QueryDevice", ProductKey=PK) == (404, "InvalidAccessKeyId.NotFound")


class Recorded:
    """What the SDK sent, to send it again, changed."""

    def __init__(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent: list[requests.PreparedRequest] = []
        plain = requests.Session.send

        def send(
            session: requests.Session, request: requests.PreparedRequest, **more: Any
        ) -> requests.Response:
            self.sent.append(request.copy())
            return plain(session, request, **more)

        monkeypatch.setattr(requests.Session, "send", send)
        call(client, "QueryDevice", ProductKey=PK)
        monkeypatch.setattr(requests.Session, "send", plain)
        (self.request,) = self.sent

    def again(self, **headers: str) -> tuple[int, str]:
        """The status and the code of the answer."""
        request = self.request.copy()
        for name, value in headers.items():
            request.headers[name.replace("_", "-")] = value
        answer = requests.Session().send(request, timeout=20)
        return answer.status_code, answer.json().get("Code", "")


def test_a_call_that_was_overheard_cannot_be_made_again_or_changed(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    overheard = Recorded(client, monkeypatch)
    assert overheard.again() == (400, "SignatureNonceUsed")
    wrong = (400, "SignatureDoesNotMatch")
    assert overheard.again(x_acs_action="QueryOTAFirmware") == wrong
    assert overheard.again(x_acs_signature_nonce="another") == wrong
    assert overheard.again(x_acs_date="2030-01-01T00:00:00Z") == wrong
    assert overheard.again(Authorization="Basic abc") == (400, "IncompleteSignature")
    overheard.request.url = str(overheard.request.url).replace(PK, "another")
    assert overheard.again() == wrong
    overheard.request.body = b"Action=QueryDevice"
    overheard.request.headers["content-length"] = str(len(overheard.request.body))
    assert overheard.again() == wrong


def test_a_signature_has_to_cover_what_the_call_is(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Utils.get_authorization

    def short(request: Any, *rest: Any) -> str:
        action = request.headers.pop("x-acs-action")
        try:
            return str(plain(request, *rest))
        finally:
            request.headers["x-acs-action"] = action

    monkeypatch.setattr(Utils, "get_authorization", short)
    assert refused(client, "QueryDevice", ProductKey=PK) == (400, "IncompleteSignature")


def test_an_old_call_is_refused(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for stamp, code in (
        ("2020-01-01T00:00:00Z", "InvalidTimeStamp.Expired"),
        ("yesterday", "InvalidTimeStamp.Format"),
    ):
        monkeypatch.setattr(Utils, "get_timestamp", lambda stamp=stamp: stamp)
        assert refused(client, "QueryDevice", ProductKey=PK) == (400, code)


def test_the_key_is_made_once_is_the_owners_alone_and_in_no_note(tmp_path: Path) -> None:
    with LocalCloud(tmp_path) as cloud:
        key = cloud.access_key
        call(sdk(cloud), "GenerateOTAUploadURL")
        refused(sdk(cloud, secret="0" * 30), "QueryDevice", ProductKey=PK)
        told = " ".join(note.text for note in cloud.notes)
        assert key.secret not in told
        assert key.secret not in repr(key)
    (path,) = tmp_path.glob("access-key*")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["secret"] == key.secret
    with LocalCloud(tmp_path) as cloud:
        assert cloud.access_key == key


# --- what may be called, how often ---


def test_what_is_no_operation_and_what_lacks_a_parameter_is_refused(client: Client) -> None:
    assert refused(client, "CreateProduct", ProductName="new") == (404, "InvalidApi.NotFound")
    assert refused(client, "QueryDevice") == (400, "MissingProductKey")
    assert refused(client, "ListOTAFirmware", CurrentPage=1) == (400, "MissingPageSize")
    wrong = refused(client, "GenerateOTAUploadURL", FileSuffix="exe")
    assert wrong == (400, "InvalidFileSuffix")
    answer = call(client, "ListOTAFirmware", CurrentPage=1, PageSize=101)
    assert (answer["Success"], answer["Code"]) == (False, "iot.common.InvalidPageParams")


def test_the_eleventh_call_within_a_second_is_refused_and_the_next_second_is_another(
    cloud: LocalCloud, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The second stands still: how fast this machine is does not matter.
    clock = cloud._program.clock
    monkeypatch.setattr(clock, "monotonic", lambda: 1000.0)
    for _ in range(10):
        call(client, "ListOTAFirmware", CurrentPage=1, PageSize=10)
    told = refused(client, "ListOTAFirmware", CurrentPage=1, PageSize=10)
    assert told == (400, "Throttling.User")
    assert call(client, "QueryDevice", ProductKey=PK)["Success"]  # its own count
    monkeypatch.setattr(clock, "monotonic", lambda: 1001.0)
    assert call(client, "ListOTAFirmware", CurrentPage=1, PageSize=10)["Success"]


# --- uploads ---


def error(answer: requests.Response) -> tuple[int, str]:
    match = re.search(r"<Code>(\w+)</Code>", answer.text)
    return answer.status_code, match[1] if match is not None else ""


def test_a_file_is_uploaded_within_a_minute_or_not_at_all(
    cloud: LocalCloud, client: Client
) -> None:
    data = call(client, "GenerateOTAUploadURL", FileSuffix="tar.gz")["Data"]
    assert data["FirmwareUrl"] == f"{data['Host']}/{data['Key']}"
    assert data["Key"].endswith(".tar.gz")
    cloud.advance(59)
    assert post_object(data, b"content").status_code == 204
    cloud.advance(1)
    answer = post_object(data, b"content")
    assert error(answer) == (403, "AccessDenied")
    assert "Policy expired" in answer.text


def test_an_upload_goes_nowhere_else_than_it_was_given_for(client: Client) -> None:
    data = call(client, "GenerateOTAUploadURL")["Data"]
    assert error(post_object(data, b"x", key="ota/elsewhere.bin")) == (403, "AccessDenied")
    forged = post_object(data, b"x", Signature="AAAA")
    assert error(forged) == (403, "SignatureDoesNotMatch")
    stranger = post_object(data, b"x", OSSAccessKeyId="nobody")
    assert error(stranger) == (403, "InvalidAccessKeyId")
    assert error(requests.post(data["Host"], files={"file": b"x"}, timeout=20)) == (
        400,
        "InvalidArgument",
    )
    without = requests.post(data["Host"], files={"other": (None, "x")}, timeout=20)
    assert error(without) == (400, "InvalidArgument")
    broken = requests.post(
        data["Host"],
        data=b"no form",
        headers={"content-type": "multipart/form-data; boundary=b"},
        timeout=20,
    )
    assert broken.status_code == 400


def test_what_is_too_much_is_refused_before_it_is_read(cloud: LocalCloud) -> None:
    head = (
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 2000000000\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", cloud.http_port), 20) as sock:
        sock.sendall(head.encode())
        assert b"EntityTooLarge" in sock.makefile("rb").read(1000)


def test_what_was_uploaded_waits_an_hour_for_its_package(
    cloud: LocalCloud, client: Client
) -> None:
    first, second = uploaded(client, b"first"), uploaded(client, b"second")
    package = {"ProductKey": PK, "DestVersion": "1.1.0", "FirmwareName": "one"}
    cloud.advance(59 * MINUTE)
    assert call(client, "CreateOTAFirmware", FirmwareUrl=first, **package)["Success"]
    cloud.advance(2 * MINUTE)
    package = {"ProductKey": PK, "DestVersion": "1.2.0", "FirmwareName": "two"}
    answer = call(client, "CreateOTAFirmware", FirmwareUrl=second, **package)
    assert "uploaded" in answer["ErrorMessage"]


def test_a_damaged_key_is_told_with_its_file(tmp_path: Path) -> None:
    for content in ("", "{", "[]", '{"id": "x"}', "null"):
        (tmp_path / "access-key.json").write_text(content)
        with pytest.raises(Refused, match=r"access-key\.json is no access key\. Remove it"):
            access_key(tmp_path)
