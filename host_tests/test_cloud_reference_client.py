"""The platform's own Python SDK against the stand-in: if it works there, it has to work here."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tests.raw_mqtt import DN, PK, SECRET, TIMEOUT_S
from tools.cloud import LocalCloud

paho = pytest.importorskip("paho.mqtt.client", reason="needs paho-mqtt")
linkkit = pytest.importorskip("linkkit.linkkit", reason="needs aliyun-iot-linkkit")

IMAGE = bytes(range(256)) * 500


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[LocalCloud]:
    with LocalCloud(tmp_path) as cloud:
        cloud.add_device(PK, DN, SECRET)
        cloud.add_release(PK, "1.1.0", IMAGE)
        yield cloud


@pytest.fixture
def sdk(
    cloud: LocalCloud, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Any, Any]]:
    """A signed-in SDK client and the queue of the upgrade notices it understood."""
    # The SDK was written for paho 1, whose `loop` took one argument more.
    loop = paho.Client.loop
    monkeypatch.setattr(
        paho.Client, "loop", lambda self, timeout=1.0, max_packets=1: loop(self, timeout)
    )
    client = linkkit.LinkKit("127.0.0.1", PK, DN, SECRET)
    client.config_mqtt(
        port=cloud.mqtts_port if request.param else cloud.mqtt_port,
        secure="TLS" if request.param else "",
        cadata=cloud.ca_pem.decode(),
        endpoint="localhost",
    )
    jobs: queue.Queue[tuple[Any, ...]] = queue.Queue()
    connected: queue.Queue[int] = queue.Queue()
    client.on_connect = lambda flag, code, data: connected.put(code)
    client.on_ota_message_arrived = lambda *job: jobs.put(job)
    client.connect_async()
    assert connected.get(timeout=TIMEOUT_S) == 0
    yield client, jobs
    client.disconnect()


@pytest.mark.filterwarnings("ignore:Callback API version 1:DeprecationWarning")
@pytest.mark.parametrize("sdk", [True, False], indirect=True, ids=["tls", "plain"])
def test_the_platforms_own_sdk_updates_itself_here(
    cloud: LocalCloud, sdk: tuple[Any, Any], tmp_path: Path
) -> None:
    client, jobs = sdk
    # (What it returns is no help: it calls every publish of QoS 0 failed.)
    client.ota_report_version(None, "1.0.0")
    cloud.wait_for(lambda: cloud.version(PK, DN) == "1.0.0", TIMEOUT_S, "the version")
    # It never subscribes: it relies on being subscribed by its `_ss=1`.
    cloud.push(PK, DN, "1.1.0")
    kind, version, size, url, method, sign, module, _ = jobs.get(timeout=TIMEOUT_S)
    assert (version, size, module) == ("1.1.0", len(IMAGE), "default")
    # Asking gives the same job with a fresh link.
    client.query_ota_firmware()
    asked = jobs.get(timeout=TIMEOUT_S)
    assert asked[1:3] == (version, size)
    assert asked[0] != kind
    target = tmp_path / "downloaded"
    done = client.download_ota_firmware(url, str(target), method, sign)
    assert done is linkkit.LinkKit.ErrorCode.SUCCESS
    assert target.read_bytes() == IMAGE
    client.ota_report_version(None, "1.1.0")
    cloud.wait_task(PK, DN, "1.1.0", "SUCCEEDED", TIMEOUT_S)
    assert cloud.violations == []
