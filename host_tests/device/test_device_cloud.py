"""The Device against the local stand-in for the platform, plain and over TLS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tests.kit.mqtt_probe import DN, PK, SECRET, USER, Probe
from tools.cloud import LocalCloud, Message

UPGRADE = f"/ota/device/upgrade/{PK}/{DN}"
BOUND_MS = 20_000  # wide, since a machine may be busy; without a bound it would be for ever


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[LocalCloud]:
    """A stand-in that knows the device."""
    with LocalCloud(tmp_path) as running:
        running.add_device(PK, DN, SECRET)
        yield running


def probe(cloud: LocalCloud, secure: bool, *topics: str, **device: object) -> Probe:
    """A device for this stand-in."""
    if secure:
        device.setdefault("ca", cloud.ca_der)
    port = cloud.mqtts_port if secure else cloud.mqtt_port
    return Probe(port, topics=topics, secure=secure, **device)


def uplinks(cloud: LocalCloud, topic: str) -> list[Message]:
    """What the device sent to a topic."""
    return [m for m in cloud.messages if m.direction == "up" and m.topic == topic]


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_a_board_signs_in_subscribes_and_talks_both_ways(cloud: LocalCloud, secure: bool) -> None:
    with probe(cloud, secure, f"{USER}/ask", UPGRADE) as device:
        device.wait("up", 1)
        assert cloud.publish(PK, DN, f"{USER}/ask", "how are you", qos=1)
        device.wait("got", f"{USER}/ask", 11, "how are you")
        device.wait("acked")
        device.tell("publish", f"{USER}/data", "x", 20000, 1)
        device.wait("acked")
        device.tell("lock")
        assert device.wait("lock") == ["lock", None], "an idle poll allocated"
        assert device.slowest_ms() < BOUND_MS
    assert uplinks(cloud, f"{USER}/answer")[0].payload == b"how are you"
    assert uplinks(cloud, f"{USER}/data")[0].payload == b"x" * 20000
    assert [m.acked for m in cloud.messages if m.topic == f"{USER}/ask"] == [True]
    assert cloud.violations == []


def test_a_board_that_gets_the_ca_as_pem_signs_in_by_name(cloud: LocalCloud) -> None:
    with probe(cloud, True, ca=cloud.ca_pem, host="localhost") as device:
        device.wait("up", 1)


@pytest.mark.parametrize("method", ["hmacmd5", "hmacsha1", "hmacsha256"])
def test_every_sign_method_is_accepted(cloud: LocalCloud, method: str) -> None:
    with probe(cloud, False, sign_method=method, timestamp=None) as device:
        device.wait("up", 1)


@pytest.mark.parametrize("code", [4, 5])
def test_a_wrong_secret_is_named_and_not_hammered(cloud: LocalCloud, code: int) -> None:
    cloud.dialect.wrong_secret_code = code
    with probe(cloud, False, device_secret="f" * 32) as device:
        text = device.wait("down", 0, "refused")[3]
        assert f"CONNACK {code}" in text
        assert "device secret" in text
        assert "f" * 32 not in text
    assert cloud.violations == []


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_a_session_that_was_kicked_comes_back_and_subscribes_again(
    cloud: LocalCloud, secure: bool
) -> None:
    with probe(cloud, secure, f"{USER}/a") as device:
        device.wait("up", 1)
        cloud.kick(PK, DN)
        device.wait("down", 1)
        device.wait("up", 2)
        assert cloud.publish(PK, DN, f"{USER}/a", "still there")
        device.wait("got", f"{USER}/a")
        assert device.slowest_ms() < BOUND_MS


def test_two_boards_with_one_identity_do_not_break_the_platforms_limits(
    cloud: LocalCloud,
) -> None:
    with probe(cloud, False) as first:
        first.wait("up", 1)
        with probe(cloud, False) as second:
            second.wait("up", 1)
            assert first.wait("down", 1)[2] == "link"
            first.wait("up", 2)
            second.wait("down", 1)
    assert cloud.violations == []


def test_half_a_packet_never_blocks_the_loop_and_ends_in_a_new_session(cloud: LocalCloud) -> None:
    with probe(cloud, False, f"{USER}/a", ping_ms=500, ack_timeout_ms=500) as device:
        device.wait("up", 1)
        cloud.send_raw(PK, DN, b"\x30\x20\x00\x05/half")
        assert device.wait("down", 1)[2] == "timeout"
        device.wait("up", 2)
        assert device.slowest_ms() < BOUND_MS


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_an_oversized_message_is_skipped_and_the_next_one_arrives(
    cloud: LocalCloud, secure: bool
) -> None:
    with probe(cloud, secure, f"{USER}/a", max_message=1000) as device:
        device.wait("up", 1)
        assert cloud.publish(PK, DN, f"{USER}/a", b"x" * 200000, qos=1)
        assert cloud.publish(PK, DN, f"{USER}/a", b"y" * 1000)
        assert device.wait("got")[2:] == [1000, "y" * 40]
        cloud.wait_for(
            lambda: [m for m in cloud.messages if len(m.payload) == 200000 and m.acked],
            what="the acknowledgement of the skipped message",
        )
        assert len([e for e in device.told("log") if "skipped" in e[1]]) == 1


def test_garbage_in_the_stream_ends_in_a_new_session(cloud: LocalCloud) -> None:
    with probe(cloud, False, f"{USER}/a") as device:
        device.wait("up", 1)
        cloud.send_raw(PK, DN, b"\x30\xff\xff\xff\xff\x7f")
        assert device.wait("down", 1)[2] == "protocol"
        device.wait("up", 2)


def test_a_refused_subscription_is_named(cloud: LocalCloud) -> None:
    cloud.faults.suback_refuse = True
    with probe(cloud, False, UPGRADE) as device:
        event = device.wait("down", 0, "subscribe-refused")
        assert UPGRADE in event[3]


def test_someone_elses_topic_is_named(cloud: LocalCloud) -> None:
    with probe(cloud, False, UPGRADE, "/ota/device/upgrade/another/board") as device:
        event = device.wait("down", 0, "subscribe-refused")
        assert "/ota/device/upgrade/another/board" in event[3]


def test_a_gateway_that_answers_no_ping_is_left(cloud: LocalCloud) -> None:
    cloud.faults.no_pingresp = True
    with probe(cloud, False, ping_ms=300, ack_timeout_ms=500) as device:
        device.wait("up", 1)
        event = device.wait("down", 1, "timeout")
        assert "PINGRESP" in event[3]
        cloud.faults.no_pingresp = False
        device.wait("up", 2)


def test_a_gateway_that_acknowledges_nothing_is_left(cloud: LocalCloud) -> None:
    cloud.faults.no_puback = True
    with probe(cloud, False, ack_timeout_ms=500) as device:
        device.wait("up", 1)
        device.tell("publish", f"{USER}/data", "lost?", 1, 1)
        event = device.wait("down", 1, "timeout")
        assert "PUBACK" in event[3]
        cloud.faults.no_puback = False
        device.wait("up", 2)
        assert device.told("acked") == []


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_a_dead_gateway_costs_bounded_polls_and_is_found_again(
    cloud: LocalCloud, secure: bool
) -> None:
    times = {"ping_ms": 300, "ack_timeout_ms": 500, "connect_timeout_ms": 700}
    with probe(cloud, secure, f"{USER}/a", **times) as device:
        device.wait("up", 1)
        cloud.go_dead()
        device.wait("down", 1, "timeout")
        device.wait("slow")
        cloud.come_back()
        device.wait("up", 2)
        assert device.slowest_ms() < 700 + BOUND_MS


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("expired", "expired"),
        ("not-yet-valid", "future"),
        ("wrong-host", "does not match"),
        ("other-ca", "not correctly signed"),
    ],
)
def test_a_gateway_that_cannot_prove_itself_gets_no_password(
    tmp_path: Path, kind: str, words: str
) -> None:
    with LocalCloud(tmp_path, mqtt_certificate=kind) as cloud:
        cloud.add_device(PK, DN, SECRET)
        with probe(cloud, True) as device:
            event = device.wait("down", 0, "tls")
            assert words in event[3]
        assert not [note for note in cloud.notes if note.kind == "online"]


def test_the_platforms_own_roots_do_not_accept_the_stand_in(tmp_path: Path) -> None:
    with (
        LocalCloud(tmp_path) as cloud,
        Probe(cloud.mqtts_port, secure=True, host="localhost") as device,
    ):
        event = device.wait("down", 0, "tls")
        assert "not correctly signed" in event[3]


def test_a_signed_in_device_needs_little_memory(cloud: LocalCloud) -> None:
    with probe(cloud, False, UPGRADE, f"{USER}/a") as device:
        made = device.wait("made")[1]
        device.wait("up", 1)
        device.tell("heap")
        held = device.wait("heap")[1]
        print(f"a Device holds {made} bytes, signed in {held} (64-bit host)")
        assert held < 5120
