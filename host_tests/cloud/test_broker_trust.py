"""Who trusts whom at somebody's own broker: devices, the service, and the files of both."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import trustme

from host_tests.kit.hosted import (
    Hosted,
    cloud_at,
    connected,
    device,
    told,
)
from host_tests.kit.mosquitto import Mosquitto
from host_tests.kit.raw_mqtt import DN, INFORM, PK, SECRET, UPGRADE
from tools.cli import Refused
from tools.cloud import LocalCloud
from tools.cloud.identity import Identity
from tools.cloud.mqtt import broker


def test_a_wrong_password_is_told_with_what_to_do(tmp_path: Path, hosted: Hosted) -> None:
    with hosted.start(), cloud_at(hosted, tmp_path / "cloud", password="wrong") as cloud:
        told(cloud, "refused: not authorised: see --broker-user and --broker-password-file")
        assert "wrong" not in repr((cloud.notes, cloud))


def test_a_device_can_neither_speak_for_another_nor_listen_to_it(
    tmp_path: Path, hosted: Hosted
) -> None:
    with hosted.start() as running, cloud_at(hosted, tmp_path / "cloud") as cloud:
        cloud.add_release(PK, "1.1.0", b"image")
        connected(cloud)
        with (
            device(running.port) as spy,
            device(running.port, Identity(PK, DN), SECRET) as honest,
        ):
            spy.subscribe(UPGRADE, "#")
            honest.subscribe(UPGRADE)
            spy.publish(INFORM, {"id": "1", "params": {"version": "evil"}})
            spy.publish(UPGRADE, {"data": {}})
            spy.ping()
            honest.report("1.0.0")
            cloud.wait_for(lambda: cloud.version(PK, DN) == "1.0.0", 20, "the report")
            cloud.push(PK, DN, "1.1.0")
            assert honest.push()["data"]["version"] == "1.1.0"
            spy.ping()
        assert [m.device for m in cloud.messages if "evil" in str(m)] == []


def test_a_device_that_nobody_added_is_not_listened_to(tmp_path: Path, hosted: Hosted) -> None:
    with hosted.start() as running, LocalCloud(tmp_path / "c", broker=hosted.address()) as cloud:
        connected(cloud)
        with device(running.port) as other:
            other.publish(f"/ota/device/inform/{PK}/other", b'{"id":"1","params":{}}')
            cloud.wait_for(lambda: [n for n in cloud.notes if n.kind == "refused"], 20, "a note")
        assert cloud.messages == []


def test_tls_to_the_broker_is_verified(tmp_path: Path, hosted: Hosted) -> None:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    leaf = ca.issue_cert("127.0.0.1", "localhost")
    leaf.private_key_pem.write_to_path(tmp_path / "key.pem")
    leaf.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    tls = f"certfile {tmp_path / 'cert.pem'}\nkeyfile {tmp_path / 'key.pem'}\n"
    # Mosquitto wants them right behind the listener.
    with Mosquitto(hosted.folder, f"{tls}allow_anonymous true\n", hosted.port):
        with cloud_at(hosted, tmp_path / "a", tls=True, ca_file=tmp_path / "ca.pem") as cloud:
            connected(cloud)
        with cloud_at(hosted, tmp_path / "b", tls=True) as cloud:
            told(cloud, "its certificate is not trusted")


def test_the_files_are_the_owners_alone_and_the_services_password_stays(hosted: Hosted) -> None:
    before = (hosted.folder / "service.password").read_text()
    hosted.write()
    assert (hosted.folder / "service.password").read_text() == before
    for path in hosted.folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        assert SECRET not in path.read_text()


def test_addresses_that_cannot_be_a_broker_are_refused_with_advice(tmp_path: Path) -> None:
    assert broker.parse("mqtt://here").port == 1883
    assert str(broker.parse("mqtts://[::1]:99")) == "mqtts://[::1]:99"
    for url in ("here", "http://here", "mqtt://", "mqtt://here:x", "mqtt://here:1/topic"):
        with pytest.raises(Refused, match="mqtt://host:port"):
            broker.parse(url)
    with pytest.raises(Refused, match="--broker-user") as caught:
        broker.parse("mqtt://me:secret@here")
    assert "secret" not in str(caught.value)
    with pytest.raises(Refused, match="Add --broker-user"):
        broker.parse("mqtt://here", None, tmp_path / "no")
    with pytest.raises(Refused, match="Check the path"):
        broker.parse("mqtt://here", "me", tmp_path / "no")
    with pytest.raises(Refused, match="--broker-ca"):
        broker.parse("mqtts://here", ca=tmp_path / "no")
