"""The stand-in's device gateway once a device is signed in: topics, QoS, limits, bad packets."""

from __future__ import annotations

import random
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tests.kit.raw_mqtt import (
    DN,
    INFORM,
    PK,
    PROGRESS,
    QUERY,
    QUERY_REPLY,
    SECRET,
    UPGRADE,
    RawDevice,
    connect_packet,
    online,
    packet,
    text,
)
from tools.cli import Refused
from tools.cloud import LocalCloud

USER = f"/{PK}/{DN}/user/weather"


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[LocalCloud]:
    with LocalCloud(tmp_path) as cloud:
        cloud.add_device(PK, DN, SECRET)
        cloud.add_release(PK, "1.1.0", b"image")
        yield cloud


# --- topics ---


def test_own_topics_can_be_subscribed_and_foreign_ones_get_0x80(cloud: LocalCloud) -> None:
    with online(cloud, None) as device:
        own = [USER, f"/{PK}/{DN}/user/#", f"/sys/{PK}/{DN}/#", f"/ext/ntp/{PK}/{DN}/response"]
        assert device.subscribe(*own) == [0, 0, 0, 0]
        assert cloud.violations == []
        foreign = [
            "#",
            "/#",
            f"/{PK}/+/user/x",
            f"/+/{DN}/user/x",
            f"/ota/device/upgrade/{PK}/other",
            f"/ota/device/+/{PK}/{DN}",
            f"/sys/other/{DN}/thing/ota/firmware/get_reply",
            f"/{PK}/{DN}",
        ]
        assert device.subscribe(*foreign) == [0x80] * 8
        assert len(cloud.violations) == 8


def test_the_requested_qos_is_granted_up_to_1(cloud: LocalCloud) -> None:
    with online(cloud, None) as device:
        assert device.subscribe(USER, qos=1) == [1]
        assert device.subscribe(USER, qos=2) == [0x80]


def test_a_ninth_filter_in_a_subscribe_closes_the_connection(cloud: LocalCloud) -> None:
    with online(cloud, None) as device:
        assert device.subscribe(*[f"/{PK}/{DN}/user/{n}" for n in range(8)]) == [0] * 8
        body = struct.pack(">H", 9)
        for n in range(9):
            body += text(f"/{PK}/{DN}/user/{n}") + b"\0"
        device.send(packet(0x82, body))
        assert device.is_closed()
    assert cloud.violations[-1].rule == "filters"


@pytest.mark.parametrize(
    "topic",
    [
        f"/ota/device/inform/{PK}/other",
        "/sys/other/x/thing/ota/firmware/get",
        "weather",
        f"/{PK}/other/user/x",
        UPGRADE,  # only the cloud sends these two
        QUERY_REPLY,
    ],
)
def test_a_message_to_a_topic_that_is_not_its_own_closes_the_connection(
    cloud: LocalCloud, topic: str
) -> None:
    with online(cloud, None) as device:
        device.publish(topic, b"x")
        assert device.is_closed()
    assert cloud.violations[-1].rule == "foreign topic"
    assert cloud.messages == []


def test_user_topics_carry_messages_both_ways(cloud: LocalCloud) -> None:
    with online(cloud, None) as device:
        assert device.subscribe(f"/{PK}/{DN}/user/#") == [0]
        device.publish(USER, b"rain\xff\0")
        assert cloud.publish(PK, DN, USER, "sun")
        assert device.message() == (USER, b"sun")
        device.ping()
    assert [(m.direction, m.topic, m.payload) for m in cloud.messages] == [
        ("up", USER, b"rain\xff\0"),
        ("down", USER, b"sun"),
    ]


def test_what_is_not_subscribed_is_not_delivered(cloud: LocalCloud) -> None:
    with online(cloud, None) as device:
        assert not cloud.publish(PK, DN, USER, b"x")
        assert device.subscribe(USER) == [0]
        assert cloud.publish(PK, DN, USER, b"y")
        assert device.message() == (USER, b"y")
        device.send(packet(0xA2, struct.pack(">H", 77) + text(USER)))
        assert device.receive() == (0xB0, struct.pack(">H", 77))
        assert not cloud.publish(PK, DN, USER, b"z")


# --- QoS ---


def test_a_qos_1_message_from_the_device_is_acknowledged(cloud: LocalCloud) -> None:
    with online(cloud, None) as device:
        number = device.publish(USER, b"x", qos=1)
        assert device.receive() == (0x40, struct.pack(">H", number))
        assert [(m.qos, m.packet_id, m.acked) for m in cloud.messages] == [(1, number, True)]


def test_a_qos_1_message_to_the_device_is_marked_when_it_acknowledges(cloud: LocalCloud) -> None:
    with online(cloud, None) as device:
        device.subscribe(USER)
        # The subscriber asked for 0: the publisher's QoS counts.
        assert cloud.publish(PK, DN, USER, b"x", qos=1)
        assert not cloud.messages[-1].acked
        assert device.message() == (USER, b"x")
        cloud.wait_for(lambda: cloud.messages[-1].acked, what="the PUBACK")


def test_a_puback_for_nothing_is_harmless(cloud: LocalCloud) -> None:
    with online(cloud, None) as device:
        device.send(packet(0x40, struct.pack(">H", 4711)))
        device.ping()


@pytest.mark.parametrize(("first", "rule"), [(0x34, "QoS 2"), (0x31, "retain"), (0x33, "retain")])
def test_qos_2_and_retain_close_the_connection(cloud: LocalCloud, first: int, rule: str) -> None:
    with online(cloud, None) as device:
        body = text(USER) + (b"\0\1" if first & 6 else b"") + b"x"
        device.send(packet(first, body))
        assert device.is_closed()
    assert cloud.violations[-1].rule == rule


def test_a_message_of_256_kb_passes_and_a_larger_one_closes_the_connection(
    cloud: LocalCloud,
) -> None:
    room = 256 * 1024 - 2 - len(USER)
    with online(cloud, None) as device:
        device.publish(USER, bytes(room))
        device.ping()
        device.publish(USER, bytes(room + 1))
        assert device.is_closed()
    assert [len(m.payload) for m in cloud.messages] == [room]


def test_messages_over_the_rate_are_dropped_and_recorded(cloud: LocalCloud) -> None:
    with online(cloud, None) as device:
        for number in range(200):
            device.publish(USER, b"%d" % number)
        device.ping()
        # A burst takes less than 6 of the 30-message seconds even on a slow machine.
        assert 30 <= len(cloud.messages) < 200
        assert cloud.violations[-1].rule == "message rate"


# --- faults ---


def test_without_pubacks_a_device_waits_in_vain(cloud: LocalCloud) -> None:
    cloud.faults.no_puback = True
    with online(cloud, None) as device:
        device.publish(USER, b"x", qos=1)
        device.ping()
        assert not cloud.messages[-1].acked


def test_a_late_puback_comes_behind_later_answers(cloud: LocalCloud) -> None:
    cloud.faults.late_puback_s = 20.0
    with online(cloud, None) as device:
        number = device.publish(USER, b"x", qos=1)
        device.ping()
        cloud.advance(21)
        assert device.receive() == (0x40, struct.pack(">H", number))


def test_every_subscription_can_be_refused(cloud: LocalCloud) -> None:
    cloud.faults.suback_refuse = True
    with RawDevice(cloud) as device:
        assert device.connect() == 0
        assert device.subscribe(UPGRADE, QUERY_REPLY) == [0x80, 0x80]


def test_pings_can_stay_unanswered(cloud: LocalCloud) -> None:
    cloud.faults.no_pingresp = True
    with online(cloud, None) as device:
        device.send(b"\xc0\0")
        assert device.is_silent()


def test_half_a_push_arrives_and_then_nothing(cloud: LocalCloud) -> None:
    cloud.faults.half_packet = 1
    with online(cloud) as device:
        cloud.push(PK, DN, "1.1.0")
        device.send(b"\xc0\0")
        with pytest.raises(TimeoutError):
            device.receive(0.3)
        sent = cloud.messages[-1]
        whole = 1 + 2 + 2 + len(sent.topic) + len(sent.payload)
        # The first byte and the two of the length were taken out already.
        assert len(device.held) == whole // 2 - 3
        assert cloud.online(PK, DN)
    assert cloud.faults.half_packet == 0


def test_a_packet_of_no_type_comes_before_the_push(cloud: LocalCloud) -> None:
    cloud.faults.garbage = 1
    with online(cloud) as device:
        cloud.push(PK, DN, "1.1.0")
        assert device.receive() == (0xF0, b"\0\0")
        assert device.push()["data"]["version"] == "1.1.0"


def test_a_push_can_come_three_times(cloud: LocalCloud) -> None:
    cloud.faults.duplicate_push = 2
    with online(cloud) as device:
        cloud.push(PK, DN, "1.1.0")
        pushes = [device.push() for _ in range(3)]
        assert pushes[0] == pushes[1] == pushes[2]


def test_reports_can_get_lost_behind_the_gateway(cloud: LocalCloud) -> None:
    with online(cloud) as device:
        cloud.push(PK, DN, "1.1.0")
        device.push()
        cloud.faults.drop_progress = cloud.faults.drop_inform = cloud.faults.drop_query = True
        number = device.publish(PROGRESS, b'{"id":"1","params":{"step":"-1"}}', qos=1)
        assert device.receive() == (0x40, struct.pack(">H", number))
        device.report("1.1.0")
        device.publish(QUERY, b'{"id":"2","params":{}}')
        device.ping()
        assert cloud.task(PK, DN, "1.1.0").state == "NOTIFIED"


def test_raw_bytes_reach_the_device_as_they_are(cloud: LocalCloud) -> None:
    with online(cloud, None) as device:
        cloud.send_raw(PK, DN, b"\x40\x02\x12\x34")
        assert device.receive() == (0x40, b"\x12\x34")
    cloud.wait_for(lambda: not cloud.online(PK, DN), what="the end")
    with pytest.raises(Refused, match="not signed in"):
        cloud.send_raw(PK, DN, b"x")


def test_a_kicked_device_may_come_back(cloud: LocalCloud) -> None:
    with online(cloud, None) as device:
        assert cloud.kick(PK, DN)
        assert device.is_closed()
    assert not cloud.kick(PK, DN)
    with online(cloud, None) as device:
        device.ping()


def test_a_dead_gateway_neither_closes_nor_answers_and_comes_back(cloud: LocalCloud) -> None:
    with online(cloud, None) as device:
        cloud.go_dead()
        device.send(b"\xc0\0")
        with RawDevice(cloud) as late:
            late.send(connect_packet(cid="late"))
            assert device.is_silent()
            assert late.is_silent()
            assert not cloud.publish(PK, DN, USER, b"x")
            # Its clock stands still as well: nobody is thrown out for silence.
            cloud.advance(10_000)
            cloud.come_back()
            assert late.receive() == (0x20, b"\0\0")
            # What was sent meanwhile is read; the late sign-in evicted the first session.
            first, _ = device.receive()
            assert first == 0xD0
            assert device.is_closed()


def test_a_dead_gateway_leaves_a_tls_handshake_unanswered(cloud: LocalCloud) -> None:
    cloud.go_dead()
    sock = socket.create_connection(("127.0.0.1", cloud.mqtts_port), 5)
    with sock:
        sock.sendall(b"\x16\x03\x01\x00\x05hello")
        sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        cloud.come_back()
        # Now somebody reads it, and finds that this is no TLS.
        sock.settimeout(15)
        assert sock.recv(100)[:1] in (b"\x15", b"")


def test_a_gateway_that_refuses_has_no_port_until_it_is_back(cloud: LocalCloud) -> None:
    with online(cloud, None) as device:
        cloud.go_dead(refuse=True)
        assert device.is_closed()
    with pytest.raises(ConnectionRefusedError):
        RawDevice(cloud)
    port = cloud.mqtt_port
    cloud.come_back()
    assert cloud.mqtt_port == port
    with online(cloud, None) as device:
        device.ping()


# --- what is no MQTT at all ---

_CONNECT = connect_packet()
MALFORMED: dict[str, bytes] = {
    "http": b"GET / HTTP/1.1\r\n\r\n",
    "tls hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "type 0": b"\x00\x00",
    "type 15": b"\xf0\x00",
    "endless length": b"\x10\xff\xff\xff\xff\xff",
    "256 MB": b"\x10\xff\xff\xff\x7f",
    "connect of 9 KB": packet(0x10, bytes(9000)),
    "empty connect": packet(0x10, b""),
    "connect with flags": packet(0x11, _CONNECT[3:]),
    "wrong protocol name": connect_packet(name="MQTS"),
    "reserved connect flag": connect_packet(flags=0xC3),
    "password without user name": connect_packet(flags=0x42),
    "will options without will": connect_packet(flags=0xCA),
    "connect cut short": packet(0x10, _CONNECT[3:-1]),
    "connect too long": packet(0x10, _CONNECT[3:] + b"x"),
    "client id of 64 KB told": packet(0x10, _CONNECT[3:13] + b"\xff\xffabc"),
    "client id not utf-8": packet(0x10, _CONNECT[3:13] + text(b"\xff\xfe|securemode=3|")),
    "client id with null": packet(0x10, _CONNECT[3:13] + text("a\0|securemode=3|") * 3),
    "publish first": packet(0x30, text(USER) + b"x"),
    "subscribe first": packet(0x82, b"\0\1" + text(USER) + b"\0"),
    "ping first": b"\xc0\x00",
    "disconnect first": b"\xe0\x00",
    "connack first": b"\x20\x02\x00\x00",
}
MALFORMED_LATER: dict[str, bytes] = {
    "second connect": _CONNECT,
    "type 0": b"\x00\x00",
    "suback from a device": packet(0x90, b"\0\1\0"),
    "pubrec": packet(0x50, b"\0\1"),
    "pubrel": packet(0x62, b"\0\1"),
    "qos 3": packet(0x36, text(USER) + b"\0\1x"),
    "publish without topic": packet(0x30, b""),
    "publish with empty topic": packet(0x30, text("") + b"x"),
    "publish with wildcard": packet(0x30, text(f"/{PK}/{DN}/user/#") + b"x"),
    "publish with null": packet(0x30, text(USER + "\0") + b"x"),
    "publish not utf-8": packet(0x30, text(b"\xc3\x28") + b"x"),
    "topic longer than the packet": packet(0x30, b"\x10\x00abc"),
    "qos 1 without id": packet(0x32, text(USER)),
    "qos 1 with id 0": packet(0x32, text(USER) + b"\0\0x"),
    "subscribe with wrong flags": packet(0x80, b"\0\1" + text(USER) + b"\0"),
    "subscribe without filter": packet(0x82, b"\0\1"),
    "subscribe with id 0": packet(0x82, b"\0\0" + text(USER) + b"\0"),
    "subscribe without qos": packet(0x82, b"\0\1" + text(USER)),
    "subscribe with qos 3": packet(0x82, b"\0\1" + text(USER) + b"\3"),
    "subscribe to nothing": packet(0x82, b"\0\1" + text("") + b"\0"),
    "subscribe with # in the middle": packet(0x82, b"\0\1" + text("/a/#/b") + b"\0"),
    "subscribe with half a +": packet(0x82, b"\0\1" + text("/a+/b") + b"\0"),
    "unsubscribe without filter": packet(0xA2, b"\0\1"),
    "unsubscribe with wrong flags": packet(0xA0, b"\0\1" + text(USER)),
    "puback of one byte": packet(0x40, b"\1"),
    "puback of three bytes": packet(0x40, b"\0\1\0"),
    "puback with id 0": packet(0x40, b"\0\0"),
    "ping with a body": packet(0xC0, b"x"),
    "disconnect with a body": packet(0xE0, b"x"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_stranger_with_bad_bytes_is_hung_up_on(cloud: LocalCloud, name: str) -> None:
    with RawDevice(cloud) as device:
        device.send(MALFORMED[name])
        assert device.is_closed()
    with online(cloud, None) as device:
        device.ping()


@pytest.mark.parametrize("name", MALFORMED_LATER)
def test_a_device_with_bad_bytes_is_hung_up_on(cloud: LocalCloud, name: str) -> None:
    with online(cloud, None) as device:
        device.send(MALFORMED_LATER[name])
        assert device.is_closed()
    assert cloud.violations[-1].rule == "malformed packet"
    with online(cloud, None) as device:
        device.ping()


@pytest.mark.parametrize("seed", range(6))
def test_random_damage_never_kills_the_gateway(cloud: LocalCloud, seed: int) -> None:
    cloud.faults.connects_per_minute = None
    rng = random.Random(seed)
    good = _CONNECT + packet(0x82, b"\0\1" + text(UPGRADE) + b"\0")
    good += packet(0x32, text(INFORM) + b"\0\2" + b'{"id":"1","params":{"version":"1"}}')
    good += packet(0x30, text(PROGRESS) + b'{"id":1,"params":{"step":"1"}}') + b"\xc0\0"
    for _ in range(60):
        data = bytearray(good)
        for _ in range(rng.randint(1, 6)):
            at = rng.randrange(len(data))
            kind = rng.randrange(3)
            if kind == 0:
                data[at] = rng.randrange(256)
            elif kind == 1:
                del data[at : at + rng.randint(1, 20)]
            else:
                data[at:at] = rng.randbytes(rng.randint(1, 20))
        with RawDevice(cloud) as device:
            try:
                for part in (data[: len(data) // 2], data[len(data) // 2 :]):
                    device.send(bytes(part))
            except ConnectionError:
                continue  # Hung up on already: as it should be.
    with online(cloud) as device:
        device.ping()
        assert cloud.version(PK, DN) == "1.0.0"


BAD_MESSAGES = [
    b"",
    b"not json",
    b"[]",
    b'"text"',
    b"null",
    b"{}",
    b'{"id":"1"}',
    b'{"id":"1","params":[]}',
    b'{"id":"1","params":{"version":5,"step":1.5}}',
    b'{"id":"1","params":{"version":"a b","step":"x"}}',
    b'{"id":"1","params":{"version":"","step":"101"}}',
    b'{"id":"1","params":{"version":"v","step":"1","module":7}}',
    b'{"id":1.5,"params":{"version":"v","step":"1"}}',
    b'{"id":true,"params":{"version":"v","step":"1"}}',
    b'{"params":{"version":"v","step":"1"}}',
    b"[" * 100_000,
    b'{"id":' + b"9" * 10_000 + b"}",
    b'\xff\xfe{"id":"1"}',
]


@pytest.mark.parametrize("payload", BAD_MESSAGES, ids=range(len(BAD_MESSAGES)))
def test_a_report_that_is_no_report_changes_nothing_and_is_told(
    cloud: LocalCloud, payload: bytes
) -> None:
    with online(cloud) as device:
        cloud.push(PK, DN, "1.1.0")
        device.push()
        for topic in (INFORM, PROGRESS):
            device.publish(topic, payload)
        device.ping()
        assert [v.rule for v in cloud.violations] == ["bad message", "bad message"]
        assert cloud.task(PK, DN, "1.1.0").state == "NOTIFIED"
        assert cloud.version(PK, DN) == "1.0.0"
