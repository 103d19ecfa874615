"""What can go wrong at a gateway, made to order: each fault a test asks for."""

from __future__ import annotations

import socket
import struct

import pytest

from host_tests.kit.raw_mqtt import (
    DN,
    PK,
    PROGRESS,
    QUERY,
    QUERY_REPLY,
    UPGRADE,
    USER,
    RawDevice,
    connect_packet,
    online,
)
from host_tests.kit.tasks import one_version
from tools.cli import Refused
from tools.cloud import LocalCloud

prepare = one_version


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
