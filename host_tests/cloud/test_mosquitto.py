"""The gateway against mosquitto: one script of MQTT 3.1.1, run against both, answers compared.

A check that has no `differs` in mqtt_script.py must be answered alike, byte by byte; one that has
must be answered as written there by either: a difference that disappears is news as well.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from host_tests.kit.device_process import ROOT
from host_tests.kit.mosquitto import Mosquitto
from host_tests.kit.mqtt_check import CONNACK, PONG, Check, End, connect_password
from host_tests.kit.mqtt_script import CHECKS
from host_tests.kit.raw_mqtt import DN, PK, SECRET, RawDevice, connect_packet
from tools.cloud import LocalCloud
from tools.cloud.mqtt.mosquitto import password_line

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
        assert there == check.differs.mosquitto or (check.differs.lenient and there == here)


_WORDS = {
    "20:0000": "signed in",
    "20:0100": "signed in, session kept",
    "50": "PUBREC",
    "70": "PUBCOMP",
    "30": "delivered, QoS 0",
    "32": "delivered, QoS 1",
    "closed": "closed",
}


def _in_words(said: list[str]) -> str:
    last = said[-1] if len(said) == 1 or said[-1] not in (PONG, "closed") else said[-2]
    if last == PONG:
        return "goes on"
    if last.startswith("90:"):
        return "refused" if last.endswith("80") else "granted"
    if last.startswith("20:00") and last != CONNACK:
        return f"refused, code {int(last[-2:], 16)}"
    return _WORDS.get(last) or _WORDS[last[:2]]


def test_the_documents_list_of_differences_is_the_one_that_was_tested() -> None:
    rows = [
        f"| {check.name} | {_in_words(check.differs.gateway)} "
        f"| {_in_words(check.differs.mosquitto)} | {check.differs.reason} |"
        for check in CHECKS
        if check.differs is not None
    ]
    text = (ROOT / "docs" / "cloud.md").read_text(encoding="utf-8")
    table = text.partition("| what | here | mosquitto | why |\n")[2].partition("\n\n")[0]
    assert table.splitlines()[1:] == rows
