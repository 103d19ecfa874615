"""The gateway against mosquitto: one script of MQTT 3.1.1, run against both, answers compared.

A check that has no `differs` in mqtt_script.py must be answered alike, byte by byte; one that has
must be answered as written there by either: a difference that disappears is news as well.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from host_tests.mosquitto import Mosquitto
from host_tests.mqtt_script import CHECKS, Check, End, connect_password
from host_tests.raw_mqtt import DN, PK, SECRET, RawDevice, connect_packet
from tools.cloud import LocalCloud
from tools.cloud.mosquitto import password_line

_SENDER = "the cloud"
_SENDER_PASSWORD = "not a secret"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[End]:
    with LocalCloud(tmp_path_factory.mktemp("gateway")) as cloud:
        cloud.faults.connects_per_minute = None
        cloud.add_device(PK, DN, SECRET)
        yield End("gateway", cloud.mqtt_port, True, lambda t, p, q: cloud.publish(PK, DN, t, p, q))


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[End]:
    folder = tmp_path_factory.mktemp("mosquitto")
    (folder / "passwords").write_text(
        password_line(f"{DN}&{PK}", connect_password()) + password_line(_SENDER, _SENDER_PASSWORD)
    )
    settings = f"allow_anonymous false\npassword_file {folder / 'passwords'}\n"
    with Mosquitto(folder, settings) as broker:
        end = End("mosquitto", broker.port, False, lambda t, p, q: None)
        with end.device() as sender:
            sender.send(
                connect_packet(
                    client_id="sender", user_name=_SENDER, password=_SENDER_PASSWORD, keepalive=0
                )
            )
            assert sender.receive() == (0x20, b"\0\0")
            yield End("mosquitto", broker.port, False, lambda t, p, q: _send(sender, t, p, q))


def _send(sender: RawDevice, topic: str, payload: bytes, qos: int) -> None:
    sender.publish(topic, payload, qos)
    if qos:
        assert sender.receive()[0] == 0x40
    sender.ping()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_device_finds_the_same_mqtt_here_and_at_mosquitto(
    gateway: End, mosquitto: End, check: Check
) -> None:
    here, there = check.run(gateway), check.run(mosquitto)
    if check.differs is None:
        assert here == there
    else:
        assert here == check.differs.gateway
        assert there == check.differs.mosquitto
        assert here != there, "no difference left: take it out of the list"
