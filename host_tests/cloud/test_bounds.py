"""What strangers send to the stand-in must not fill its memory, break it, or reach a terminal."""

from __future__ import annotations

import gc
import json
import logging
import socket
import time
import tracemalloc
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from host_tests.kit.raw_mqtt import DN, PK, SECRET, RawDevice, online
from tools.cloud import LocalCloud, control, records
from tools.cloud.downloads import links
from tools.cloud.identity import Identity
from tools.cloud.operator import status_report


def test_large_messages_do_not_fill_the_memory_of_a_server_that_runs_for_weeks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "KEEP_BYTES", 1_000_000)
    with LocalCloud(tmp_path, keep=1000) as cloud:
        cloud.add_device(PK, DN, SECRET)
        cloud.faults.uplink_qos0_per_s = None
        with online(cloud) as device:
            for number in range(40):
                device.publish(f"/{PK}/{DN}/user/n", b"%d" % number + bytes(100_000))
            device.ping()
            kept = cloud.messages
        assert sum(len(one.payload) for one in kept) <= 1_000_000
        assert kept[-1].payload.startswith(b"39\0"), "the newest one is not there"
        assert len(kept) >= 5


def test_a_signed_link_does_not_stay_in_memory_after_it_was_used() -> None:
    key = b"k" * 32
    held = []
    for number in range(5):  # (what threads of other tests do meanwhile is counted, too)
        target = links.make(key, number, "fw.bin", Identity(PK, DN), 1000.0, 60.0)
        tracemalloc.start()
        try:
            assert links.check(key, target, 1001.0).identity == Identity(PK, DN)
            gc.collect()
            held.append(tracemalloc.get_traced_memory()[0])
        finally:
            tracemalloc.stop()
    assert min(held) < len(target), "as much as the link itself was kept"


@pytest.mark.parametrize("body", [b"[" * 60_000, b"{}" * 60_000, b"[1]", b"\xff", b""])
def test_a_control_request_that_is_none_is_refused_and_does_no_harm(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, body: bytes
) -> None:
    with LocalCloud(tmp_path) as cloud, caplog.at_level(logging.ERROR):
        where = json.loads((tmp_path / "control.json").read_text())
        headers = {"Authorization": f"Bearer {where['token']}"}
        url = f"{where['url']}/control/offer"
        assert requests.post(url, data=body, headers=headers, timeout=10).status_code == 400
        assert control.ask(tmp_path, "snapshot") is not None
        assert cloud.violations == []
    assert not caplog.records


def test_who_speaks_another_language_at_the_control_port_does_no_harm(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with LocalCloud(tmp_path), caplog.at_level(logging.ERROR):
        where = urlsplit(json.loads((tmp_path / "control.json").read_text())["url"])
        for said in (b"[" * 60_000 + b"\n", b"\x10\x0c\0\4MQTT\4\2\0\0\0\0"):
            with socket.create_connection((where.hostname, where.port), 10) as sock:
                sock.sendall(said)
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(1000):
                    continue
        assert control.ask(tmp_path, "snapshot") is not None
    assert not caplog.records


def test_a_strangers_user_name_does_not_control_the_operators_terminal(tmp_path: Path) -> None:
    with LocalCloud(tmp_path) as cloud:
        with RawDevice(cloud) as device:
            device.connect(user_name="\x1b[2J\x1b]0;owned\x07&pk\u202e")
        cloud.wait_for(lambda: [n for n in cloud.notes if n.kind == "refused"], 10, "the note")
        note = next(n for n in cloud.notes if n.kind == "refused")
    said = status_report.note_line(time.time(), note.kind, note.device, note.text)
    assert "owned" in said
    assert said.isprintable()
