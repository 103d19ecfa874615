"""The stand-in's commands, as a person types them: each in a process of its own."""

from __future__ import annotations

import argparse
import ipaddress
import json
import re
import shlex
import stat
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from host_tests.kit.cloud_commands import run, serving
from host_tests.kit.mqtt_script import CHECKS
from host_tests.kit.raw_mqtt import DN, PK, online
from tools.cli import Refused
from tools.cloud import LocalCloud, control
from tools.cloud.operator.addresses import addresses
from tools.cloud.operator.verbs import VERBS
from tools.programs import CLOUD

ROOT = Path(__file__).parents[2]


def secret_of(text: str) -> str:
    match = re.search(r"secret +([0-9a-f]{32})", text)
    assert match is not None, text
    return match.group(1)


def prepare(cloud: LocalCloud) -> None:
    cloud.faults.connects_per_minute = None


def test_a_person_can_run_an_update_with_the_commands_alone(tmp_path: Path) -> None:
    folder = ("--folder", str(tmp_path))
    image = tmp_path / "app.bin"
    image.write_bytes(bytes(5000))
    secret = secret_of(run("device", "add", PK, DN, *folder))
    assert "5000 bytes" in run("release", "add", PK, "1.1.0", str(image), "--force", *folder)
    # Before any server runs the task is kept.
    assert "No server runs" in run("push", PK, DN, "1.1.0", *folder)
    status = run("status", *folder)
    assert "QUEUED" in status
    assert "not running" in status
    assert secret not in status

    with serving(*folder) as lines:
        told = "".join(lines)
        ports = {
            name: int(port)
            for name, port in re.findall(r"^(MQTT|MQTT, TLS|downloads) +port (\d+)", told, re.M)
        }
        assert len(ports) == 3
        assert (tmp_path / "ca.pem").exists()
        assert str(tmp_path / "ca.pem") in told
        remote = _Remote(ports["MQTT"])
        with online(remote, None, secret=secret) as device:  # type: ignore[arg-type]
            device.report("1.0.0")
            assert device.push()["data"]["size"] == 5000
            device.progress("42", "downloading")
            device.ping()
            status = run("status", *folder)
            assert "IN_PROGRESS" in status
            assert "42" in status
            assert "plain" in status
            device.report("1.1.0")
            device.ping()
        assert "SUCCEEDED" in run("status", *folder)
        assert "already runs" in run("serve", *folder, fails=1)
    assert "stopped" in lines[-1]
    assert secret not in "".join(lines)
    assert "auth_key" not in "".join(lines)
    assert not (tmp_path / "control.json").exists()


class _Remote:
    """As much of LocalCloud as a raw device needs to find a server in another process."""

    def __init__(self, port: int) -> None:
        self.mqtt_port = port


def test_a_push_from_another_process_reaches_a_device_at_once(
    cloud: LocalCloud, tmp_path: Path
) -> None:
    secret = cloud.add_device(PK, DN).secret
    cloud.add_release(PK, "1.1.0", b"image")
    cloud.add_release(PK, "1.2.0", b"image2")
    with online(cloud, secret=secret) as device:
        assert "NOTIFIED" in run("push", PK, DN, "1.1.0", "--folder", str(tmp_path))
        assert device.push()["data"]["version"] == "1.1.0"
        told = run("push", PK, DN, "1.2.0", "--folder", str(tmp_path), fails=1)
        assert "--override" in told
        run("push", PK, DN, "1.2.0", "--override", "--folder", str(tmp_path))
        assert device.push()["data"]["version"] == "1.2.0"
        run("push", PK, DN, "1.1.0", "--override", "--over", "mqtt", "--folder", str(tmp_path))
        assert device.push()["data"]["dProtocol"] == "mqtt"


def test_mistakes_come_with_advice(tmp_path: Path) -> None:
    folder = ("--folder", str(tmp_path / "f"))
    assert "device add" in run("status", *folder, fails=1)
    assert "device add" in run("push", PK, DN, "1.1.0", *folder, fails=1)
    run("device", "add", PK, DN, *folder)
    assert "release add" in run("push", PK, DN, "1.1.0", *folder, fails=1)
    assert "path" in run("release", "add", PK, "1", str(tmp_path / "no.bin"), *folder, fails=1)
    assert "letters" in run("device", "add", "a b", DN, *folder, fails=1)
    assert "0 to 65535" in run("serve", "--mqtt-port", "70000", *folder, fails=2)


def test_a_taken_port_is_an_error_with_advice(cloud: LocalCloud, tmp_path: Path) -> None:
    port = str(cloud.mqtt_port)
    told = run("serve", "--mqtt-port", port, "--folder", str(tmp_path / "b"), fails=1)
    assert port in told
    assert "another" in told


def test_help_teaches_with_examples() -> None:
    assert "device add a1B2c3D4e5F" in run("--help")
    for words in (["serve"], ["device", "add"], ["release", "add"], ["push"]):
        assert "examples:" in run(*words, "--help")


def test_only_the_owner_can_read_what_is_secret(cloud: LocalCloud, tmp_path: Path) -> None:
    cloud.add_device(PK, DN)
    for name in ("cloud.sqlite", "ca-key.pem", "control.json"):
        mode = stat.S_IMODE((tmp_path / name).stat().st_mode)
        assert mode & 0o077 == 0, name


def test_without_the_token_the_server_does_nothing(cloud: LocalCloud, tmp_path: Path) -> None:
    path = tmp_path / "control.json"
    where = json.loads(path.read_text())
    assert control.ask(tmp_path, "snapshot") is not None
    asked = cloud.questions
    path.write_text(json.dumps({**where, "token": "0" * 32}))
    assert control.ask(tmp_path, "snapshot") is None
    for headers in ({}, {"Authorization": ""}, {"Authorization": "Bearer"}):
        url = f"{where['url']}/control/snapshot"
        answer = requests.post(url, json={}, headers=headers, timeout=10)
        assert (answer.status_code, answer.text) == (403, "Forbidden")
    assert cloud.questions == asked
    path.write_text("{")
    assert control.ask(tmp_path, "snapshot") is None


@pytest.mark.parametrize("page", [None, "127.0.0.1", "0.0.0.0", "::1"])
def test_commands_reach_the_server_on_this_machine_wherever_its_page_is_seen(
    tmp_path: Path, page: str | None
) -> None:
    at: dict[str, Any] = {} if page is None else {"page_listen": page, "page_port": 0}
    with LocalCloud(tmp_path, **at) as cloud:
        assert control.ask(tmp_path, "snapshot") is not None
        where = json.loads((tmp_path / "control.json").read_text())
        host = urlsplit(where["url"]).hostname
        assert ipaddress.ip_address(host or "").is_loopback
        same = urlsplit(where["url"]).port == urlsplit(cloud.page_url or "").port
        assert same == (page in ("127.0.0.1", "::1")), "a port more than is needed, or less"


def test_from_other_machines_nobody_controls_the_server_even_with_the_token(
    tmp_path: Path,
) -> None:
    away = next(iter(addresses()), None)
    if away is None:
        pytest.skip("NO NETWORK HERE: this machine has no address but its own")
    listen = "::" if ":" in away else "0.0.0.0"
    with LocalCloud(tmp_path, page_listen=listen, page_port=0, public=away) as cloud:
        where = json.loads((tmp_path / "control.json").read_text())
        token = {"Authorization": f"Bearer {where['token']}"}
        page = urlsplit(cloud.page_url)
        url = f"http://{page.netloc}/control/snapshot"
        with requests.Session() as session:
            session.trust_env = False
            assert session.post(url, json={}, headers=token, timeout=10).status_code == 403
            here = f"{where['url']}/control/snapshot"
            assert session.post(here, json={}, headers=token, timeout=10).status_code == 200


def test_a_server_of_another_version_is_not_taken_for_none(
    cloud: LocalCloud, tmp_path: Path
) -> None:
    with pytest.raises(Refused, match="another version"):
        control.ask(tmp_path, "dance")
    with pytest.raises(Refused, match="no 77"):
        control.ask(tmp_path, "offer", task=77)


def test_a_snapshot_holds_no_secret_and_no_link(cloud: LocalCloud, tmp_path: Path) -> None:
    secret = cloud.add_device(PK, DN).secret
    cloud.add_release(PK, "1.1.0", b"image")
    with online(cloud, secret=secret) as device:
        cloud.push(PK, DN, "1.1.0")
        device.push()
        text = json.dumps(control.ask(tmp_path, "snapshot"))
    assert DN in text
    assert secret not in text
    assert "auth_key" not in text


def test_every_command_of_the_document_can_be_typed_as_it_stands() -> None:
    text = (ROOT / "docs" / "cloud.md").read_text(encoding="utf-8")
    lines = re.findall(r"^python -m tools\.cloud (.*)$", text, re.M)
    named = set()
    parser = argparse.ArgumentParser()
    CLOUD.fill(parser)
    for line in lines:
        named.add(parser.parse_args(shlex.split(line)).run)
    assert named == {verb.run for verb in VERBS}, "a command is missing there"
    checks = re.search(r"\((\d+) checks", text)
    assert checks is not None
    assert int(checks[1]) == len(CHECKS)
