"""The platform's own Python SDK against the stand-in: if it works there, it has to work here.

The SDK (aliyun-iot-linkkit) and its MQTT library are used as they are published, in a process of
their own. It takes its CA and its endpoint as arguments, so nothing in it is replaced; the tests
look at what arrived.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tests.kit.device_sdk import Linkkit
from host_tests.kit.raw_mqtt import DN, INFORM, PK, QUERY, QUERY_REPLY, SECRET, TIMEOUT_S, UPGRADE
from tools.cloud import LocalCloud

IMAGE = bytes(range(256)) * 500
_BOTH = pytest.mark.parametrize("sdk", [True, False], indirect=True, ids=["tls", "plain"])


def prepare(cloud: LocalCloud) -> None:
    cloud.add_device(PK, DN, SECRET)
    cloud.add_release(PK, "1.1.0", IMAGE)


@pytest.fixture
def sdk(cloud: LocalCloud, request: pytest.FixtureRequest) -> Iterator[Linkkit]:
    """The SDK, signed in."""
    port = cloud.mqtts_port if request.param else cloud.mqtt_port
    with Linkkit(PK, DN, SECRET, port, cloud.ca_pem, tls=request.param) as sdk:
        assert sdk.told("connected") == 0
        yield sdk


@_BOTH
def test_the_sign_in_of_the_platforms_own_sdk_is_understood_to_the_last_field(
    cloud: LocalCloud, sdk: Linkkit, request: pytest.FixtureRequest
) -> None:
    tls = "tls" in request.node.name
    (sign_in,) = cloud.sign_ins
    assert (sign_in.user_name, sign_in.device) == (f"{DN}&{PK}", f"{PK}/{DN}")
    assert (sign_in.level, sign_in.clean, sign_in.keepalive, sign_in.tls) == (4, True, 60, tls)
    free, between, behind = sign_in.client_id.split("|")
    assert (free, behind) == (f"{PK}&{DN}", "")
    parameters = dict(item.split("=", 1) for item in between.split(","))
    # The device signs its timestamp: seconds here, which nobody compares with a clock.
    assert parameters.pop("timestamp").isdecimal()
    assert parameters.pop("_v")
    assert parameters == {
        "securemode": "2" if tls else "3",
        "signmethod": "hmacsha1",
        "ext": "1",
        "_ss": "1",
        "lan": "Python",
    }
    assert cloud.violations == []


@_BOTH
def test_the_platforms_own_sdk_updates_itself_here(
    cloud: LocalCloud, sdk: Linkkit, tmp_path: Path
) -> None:
    sdk.call("ota_report_version", None, "1.0.0")
    cloud.wait_for(lambda: cloud.version(PK, DN) == "1.0.0", TIMEOUT_S, "the version")
    # It never subscribes: it relies on being subscribed by its `_ss=1`.
    cloud.push(PK, DN, "1.1.0")
    kind, version, size, url, method, sign, module, _ = sdk.told("job")
    assert (version, size, module) == ("1.1.0", len(IMAGE), "default")
    # Asking gives the same job with a fresh link.
    sdk.call("query_ota_firmware")
    asked = sdk.told("job")
    assert asked[1:3] == [version, size]
    assert asked[0] != kind
    target = tmp_path / "downloaded"
    sdk.call("download_ota_firmware", url, str(target), method, sign)
    assert sdk.told("download_ota_firmware") == "ErrorCode.SUCCESS"
    assert target.read_bytes() == IMAGE
    sdk.call("ota_report_version", None, "1.1.0")
    cloud.wait_task(PK, DN, "1.1.0", "SUCCEEDED", TIMEOUT_S)
    _was_received_as_the_sdk_means_it(cloud)


def _was_received_as_the_sdk_means_it(cloud: LocalCloud) -> None:
    """T1, T2, T4, T5 in this order, on the device's topics, and nothing else about upgrades."""
    ours = [m for m in cloud.messages if "/ota/" in m.topic]
    assert [(m.direction, m.topic, m.qos) for m in ours] == [
        ("up", INFORM, 0),
        ("down", UPGRADE, 0),
        ("up", QUERY, 0),
        ("down", QUERY_REPLY, 0),
        ("up", INFORM, 0),
    ]
    first, _, query, reply, last = (json.loads(m.payload) for m in ours)
    # Its ids are numbers, where the tables say strings; the reply has to carry the same.
    assert first == {"id": 1, "params": {"version": "1.0.0"}}
    assert last == {"id": 1, "params": {"version": "1.1.0"}}
    assert query == {"id": query["id"], "params": {}}
    assert isinstance(query["id"], int)
    assert (reply["id"], reply["code"]) == (query["id"], 200)
    (download,) = cloud.downloads
    assert (download.status, download.range_start, download.ended) == (200, None, "complete")
    assert cloud.violations == []
