"""The OTA service on somebody's own broker: a real mosquitto with the files made for it."""

from __future__ import annotations

import json
import re
import socket
import threading
from pathlib import Path

import pytest

from host_tests.kit.cloud_commands import run, serving
from host_tests.kit.hosted import (
    Hosted,
    cloud_at,
    connected,
    device,
    lost,
    told,
)
from host_tests.kit.mosquitto import Mosquitto, free_port
from host_tests.kit.mqtt_probe import Peer
from host_tests.kit.raw_mqtt import DN, PK
from host_tests.kit.rig import Rig, app
from tools.cloud import Broker, LocalCloud
from tools.cloud.identity import Identity
from tools.cloud.mqtt import link


def test_a_board_is_updated_over_ones_own_broker(tmp_path: Path, hosted: Hosted) -> None:
    with Rig(tmp_path, secure=False, broker=hosted.address()) as rig:
        # The broker is not there yet: the service says so, and waits for it.
        told(rig.cloud, "cannot be reached")
        hosted.devices = {Identity(PK, DN): rig.device.secret}
        hosted.write()
        with hosted.start() as running:
            rig.cloud.advance(120)
            connected(rig.cloud)
            rig.start("1.0.0", app())
            image = rig.update("1.1.0")
            rig.ends("1.1.0", "SUCCEEDED")
            rig.confirmed(1)
            assert rig.holds(1, image)
            assert rig.cloud.version(PK, DN) == "1.1.0"
            assert rig.steps()[-1] == 100
            assert rig.fetched()[-1].scheme == "https"
            assert rig.cloud.violations == []
            log = running.log()
    # Through this broker, as itself: the gateway's ports were never there.
    assert f"u'{DN}&{PK}'" in log
    assert rig.device.secret not in log


def test_a_person_can_host_it_with_the_commands_alone(tmp_path: Path) -> None:
    folder = ("--folder", str(tmp_path / "cloud"))
    at, port = tmp_path / "broker", free_port()
    run("device", "add", PK, DN, *folder)
    said = run("mosquitto", str(at), "--port", str(port), *folder)
    words = next(line for line in said.splitlines() if line.startswith("and ")).split()[4:]
    assert words[:3] == ["serve", "--broker", f"mqtt://127.0.0.1:{port}"]
    lines = (at / "mosquitto.conf").read_text().splitlines()
    assert f"listener {port}" in lines
    settings = "\n".join(line for line in lines if not line.startswith("listener")) + "\n"
    with Mosquitto(at, settings, port):
        # (The broker may answer before the ports are all shown.)
        until = (f"mqtt://127.0.0.1:{port}: connected", "Ctrl-C")
        with serving(*words[1:], *folder, until=until) as lines:
            out = "".join(lines)
            assert re.search(r"^downloads +port \d+", out, re.M)
            assert "securemode" not in out
            assert "connected (it does not tell" in run("status", *folder)
    assert "--broker" in run("serve", "--broker-user", "me", *folder, fails=1)
    assert "no gateway" in run("serve", *words[1:3], "--mqtt-port", "1883", *folder, fails=1)


# --- coming back ---


def test_the_service_comes_back_to_a_broker_that_was_away(tmp_path: Path, hosted: Hosted) -> None:
    with cloud_at(hosted, tmp_path / "cloud") as cloud:
        cloud.add_release(PK, "1.1.0", b"image")
        with hosted.start() as running:
            cloud.advance(60)
            connected(cloud)
            running.stop()
            lost(cloud, "trying again in 1 s")
            # What is pushed meanwhile waits ...
            with_version = cloud.push(PK, "other", "1.1.0", force=True)
            assert with_version.state == "QUEUED"
            running.start()
            with device(running.port) as other:
                assert other.subscribe(f"/ota/device/upgrade/{PK}/other", qos=1) == [1]
                cloud.advance(60)
                connected(cloud)
                # ... and is sent as soon as the broker is back.
                topic, payload = other.message()
                assert topic == f"/ota/device/upgrade/{PK}/other"
                assert json.loads(payload)["data"]["version"] == "1.1.0"
        assert cloud.task(PK, "other", "1.1.0").state == "NOTIFIED"


def test_the_pauses_between_attempts_grow_to_a_minute(tmp_path: Path, hosted: Hosted) -> None:
    with cloud_at(hosted, tmp_path / "cloud") as cloud:
        for pause in (1, 2, 4, 8, 16, 32, 60, 60):
            told(cloud, f"trying again in {pause} s")
            before = len(cloud.notes)
            cloud.advance(pause - 0.9)
            cloud.advance(1)
            cloud.wait_for(lambda before=before: len(cloud.notes) > before, 20, "one more")  # type: ignore[misc]


def test_what_a_device_reports_while_the_service_is_away_is_not_lost(
    tmp_path: Path, hosted: Hosted
) -> None:
    with hosted.start() as running:
        with cloud_at(hosted, tmp_path / "cloud") as cloud:
            connected(cloud)
        with device(running.port) as other:
            other.publish(
                f"/ota/device/inform/{PK}/other", {"id": "1", "params": {"version": "7"}}, qos=1
            )
            assert other.receive()[0] == 0x40
        with cloud_at(hosted, tmp_path / "cloud") as cloud:
            cloud.wait_for(lambda: cloud.version(PK, "other") == "7", 20, "the version")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "no answer of MQTT within 10 s"),
        (b"\xf0\x00", "does not speak MQTT"),
        (b"\x90\x01\0", "does not speak MQTT"),
        (b"\x20\x02\0\x03", "refused: it is not available"),
        (b"\x20\x02\0\0\x90\x07\0\1\x80\1\1\1\1", "/ota/device/inform/+/+"),
        (b"\x20\x02\0\0\x90\x03\0\1\1", "does not speak MQTT"),
        (b"", "the connection is lost"),
    ],
    ids=["http", "no packet", "half", "unavailable", "not allowed", "a short suback", "nothing"],
)
def test_a_broker_that_is_none_is_told_from_one_that_refuses(
    tmp_path: Path, answer: bytes, reason: str
) -> None:
    heard = threading.Event()

    def script(sock: socket.socket, number: int) -> None:
        sock.recv(1000)
        heard.set()
        if answer:
            sock.sendall(answer)
            # Until the service has gone.
            while sock.recv(1000):
                continue

    with (
        Peer(script) as peer,
        LocalCloud(tmp_path, broker=Broker("127.0.0.1", peer.port)) as cloud,
    ):
        if "no answer" in reason:
            assert heard.wait(20)
            cloud.advance(11)
        told(cloud, reason)


@pytest.mark.parametrize(
    ("answer", "pings"),
    [(b"", 0), (b"\x20\x02\0\0\x90\x07\0\1\1\1\1\1\1", 1)],
    ids=["from the start", "later"],
)
def test_a_broker_that_falls_silent_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes, pings: int
) -> None:
    monkeypatch.setattr(link, "KEEPALIVE_S", 1)
    monkeypatch.setattr(link, "TIMEOUT_S", 0.3 if not answer else 60.0)
    heard: list[bytes] = []

    def script(sock: socket.socket, number: int) -> None:
        sock.recv(1000)
        sock.sendall(answer)
        while data := sock.recv(1000):
            heard.append(data)

    with Peer(script) as peer:
        at = Broker("127.0.0.1", peer.port)
        with LocalCloud(tmp_path, broker=at) as cloud:
            told(cloud, "no answer")
            assert not cloud.broker_connected
    assert b"".join(heard).count(b"\xc0\0") == pings
