"""The platform's limits ("Limits", 30527): at the limit all is well, one more breaks it.

Limits with a test elsewhere: CONNECTs a minute, keep alive and the client ID's length in
test_sign_in.py; filters in a SUBSCRIBE, message size and the QoS 0 rate in
test_bounds.py; `desc` in test_tasks.py.
"""

from __future__ import annotations

import pytest

from host_tests.kit.raw_mqtt import DN, INFORM, PK, online
from tools.cloud import LocalCloud

USER = f"/{PK}/{DN}/user/"


def rules(cloud: LocalCloud) -> list[str]:
    return [violation.rule for violation in cloud.violations]


LONGEST = USER + "x" * (128 - len(USER))
DEEPEST = USER + "1/2/3/4"


@pytest.mark.parametrize("topic", [LONGEST, DEEPEST], ids=["128 bytes", "7 slashes"])
def test_a_topic_may_be_as_long_as_the_platform_allows_and_no_longer(
    cloud: LocalCloud, topic: str
) -> None:
    more = topic + ("x" if topic is LONGEST else "/5")
    with online(cloud, None) as device:
        device.publish(topic, b"fits")
        assert device.subscribe(topic) == [0]
        assert rules(cloud) == []
        assert device.subscribe(more) == [0x80]
        device.publish(more, b"too long")
        assert device.is_closed()
    assert rules(cloud) == ["topic", "topic"]
    assert [message.payload for message in cloud.messages] == [b"fits"]


def test_a_topic_is_measured_in_bytes_not_in_letters(cloud: LocalCloud) -> None:
    topic = USER + "ä" * (128 - len(USER))
    with online(cloud, None) as device:
        assert device.subscribe(topic) == [0x80]
    assert rules(cloud) == ["topic"]


def test_the_hundred_and_first_subscription_is_refused(cloud: LocalCloud) -> None:
    with online(cloud, None) as device:
        # Two are there already. Subscribing to one again takes no place.
        topics = [f"{USER}{number}" for number in range(99)]
        for at in range(0, 98, 7):
            assert device.subscribe(*topics[at : at + 7]) == [0] * 7
        assert device.subscribe(topics[0]) == [0]
        assert rules(cloud) == []
        assert device.subscribe(topics[98]) == [0x80]
        assert rules(cloud) == ["subscriptions"]
        cloud.faults.subscriptions = None
        assert device.subscribe(topics[98]) == [0]


def test_the_limit_of_filters_in_one_packet_can_be_taken_away(cloud: LocalCloud) -> None:
    cloud.faults.filters_per_subscribe = None
    with online(cloud, None) as device:
        assert device.subscribe(*[f"{USER}{n}" for n in range(20)]) == [0] * 20
    assert rules(cloud) == []


def test_messages_with_qos_1_have_a_lower_rate_and_the_excess_is_dropped_in_silence(
    cloud: LocalCloud,
) -> None:
    cloud.faults.uplink_qos1_per_s = 3
    with online(cloud, None) as device:
        # (Sent in one piece: a burst, however slow the machine is.)
        for _ in range(40):
            device.publish(USER + "x", b"x", qos=1)
        acked = 0
        device.send(b"\xc0\0")
        while device.receive()[0] == 0x40:
            acked += 1
        assert 3 <= acked < 40
        assert acked == len(cloud.messages)
        assert set(rules(cloud)) == {"message rate"}
        # A second later there is room again, and the connection is still there.
        cloud.advance(1.1)
        device.publish(USER + "x", b"x", qos=1)
        assert device.receive()[0] == 0x40


def test_the_rates_of_qos_0_and_1_are_counted_apart(cloud: LocalCloud) -> None:
    cloud.faults.uplink_qos0_per_s = cloud.faults.uplink_qos1_per_s = 1
    with online(cloud, None) as device:
        device.publish(USER + "x", b"0")
        device.publish(USER + "x", b"1", qos=1)
        assert device.receive()[0] == 0x40
    assert [message.qos for message in cloud.messages] == [0, 1]
    assert rules(cloud) == []


def test_a_version_may_have_64_characters_and_no_more(cloud: LocalCloud) -> None:
    with online(cloud, "v" * 64) as device:
        assert cloud.version(PK, DN) == "v" * 64
        device.report("w" * 65)
        device.ping()
    assert cloud.version(PK, DN) == "v" * 64
    assert rules(cloud) == ["bad message"]
    assert INFORM in cloud.violations[0].detail


def test_a_hundred_unacknowledged_messages_are_the_most_a_device_is_sent(
    cloud: LocalCloud,
) -> None:
    with online(cloud, None) as device:
        assert device.subscribe(USER + "x", qos=1) == [1]
        sent = [cloud.publish(PK, DN, USER + "x", b"%d" % n, qos=1) for n in range(101)]
        assert sent == [True] * 100 + [False]
        # One acknowledgement makes room for one more.
        device.message()
        cloud.wait_for(lambda: any(m.acked for m in cloud.messages), what="the PUBACK")
        assert cloud.publish(PK, DN, USER + "x", b"more", qos=1)
