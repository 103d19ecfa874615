"""The stand-in's device gateway once a device is signed in: topics, QoS, limits, bad packets."""

from __future__ import annotations

import struct

import pytest

from host_tests.kit.raw_mqtt import (
    DN,
    PK,
    QUERY_REPLY,
    UPGRADE,
    USER,
    online,
    packet,
    text,
)
from host_tests.kit.tasks import one_version
from tools.cloud import LocalCloud

prepare = one_version


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
