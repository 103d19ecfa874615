"""MQTT 3.1.1 in checks: subscriptions, and messages both ways."""

from __future__ import annotations

import struct

from host_tests.kit.mqtt_check import (
    PONG,
    USER,
    End,
    Platform,
    X,
    answers,
    check,
    publishing,
    signed_in,
    subscribing,
)
from host_tests.kit.raw_mqtt import (
    DN,
    PK,
    packet,
    text,
)

# --- SUBSCRIBE and UNSUBSCRIBE ---


def _unsubscribe(number: int, *filters: str, first: int = 0xA2) -> bytes:
    return packet(first, struct.pack(">H", number) + b"".join(map(text, filters)))


signed_in("a subscription with QoS 0 is granted", subscribing(1, (USER + "/a", 0)))
signed_in("a subscription with QoS 1 is granted", subscribing(0xFFFF, (USER + "/a", 1)))
signed_in(
    "a subscription with QoS 2",
    subscribing(2, (USER + "/a", 2)),
    Platform(["90:000280", PONG], ["90:000202", PONG], "(30540): QoS 0 and 1 only"),
)
signed_in(
    "eight filters get eight codes in their order",
    subscribing(3, *((f"{USER}/{n}", n % 2) for n in range(8))),
)
signed_in(
    "nine filters in one SUBSCRIBE",
    subscribing(3, *((f"{USER}/{n}", 0) for n in range(9))),
    Platform(
        ["closed"],
        ["90:0003" + "00" * 9, PONG],
        "(30527): 8 filters in one SUBSCRIBE",
    ),
)
signed_in("the same filter twice gets two codes", subscribing(4, (X, 0), (X, 1)))
signed_in("a + for a level and a # at the end", subscribing(5, (USER + "/+/x/#", 0)))
signed_in(
    "somebody else's topic",
    subscribing(6, ("/another/device/user/x", 0)),
    Platform(
        ["90:000680", PONG],
        ["90:000600", PONG],
        "(30540): a device's own topics only (a broker does that with an access list)",
    ),
)
signed_in("a SUBSCRIBE with wrong flags closes", subscribing(1, (USER, 0), first=0x80))
signed_in("a SUBSCRIBE without a filter closes", packet(0x82, b"\0\1"))
signed_in("a SUBSCRIBE with identifier 0 closes", subscribing(0, (USER, 0)))
signed_in("a SUBSCRIBE without a QoS closes", packet(0x82, b"\0\1" + text(USER)))
signed_in("a SUBSCRIBE with QoS 3 closes", subscribing(1, (USER, 3)))
signed_in("an empty filter closes", subscribing(1, ("", 0)))
signed_in("a # in the middle closes", subscribing(1, (USER + "/#/x", 0)))
signed_in("half a + closes", subscribing(1, (USER + "/a+", 0)))
signed_in("half a # closes", subscribing(1, (USER + "/a#", 0)))
signed_in("an UNSUBSCRIBE is acknowledged", _unsubscribe(7, USER + "/a"), None, USER + "/a")
signed_in("so is one from what was never subscribed", _unsubscribe(8, USER + "/b", USER + "/c"))
signed_in("an UNSUBSCRIBE without a filter closes", packet(0xA2, b"\0\1"))
signed_in("an UNSUBSCRIBE with wrong flags closes", _unsubscribe(1, USER, first=0xA0))


# --- messages from the device ---


signed_in("a message with QoS 0 gets no answer", publishing(0x30, USER + "/up", b"x"))
signed_in("a message without payload passes", publishing(0x30, USER + "/up", b""))
signed_in("a message with QoS 1 is acknowledged", publishing(0x32, USER + "/up", b"\x80\1x"))
signed_in("so is one sent again", publishing(0x3A, USER + "/up", b"\0\1x") * 2)
signed_in(
    "100 KB with QoS 1 are acknowledged",
    publishing(0x32, USER + "/up", b"\0\1" + bytes(100_000)),
)
signed_in("QoS 3 closes", publishing(0x36, USER + "/up", b"\0\1x"))
signed_in("identifier 0 closes", publishing(0x32, USER + "/up", b"\0\0x"))
signed_in("a message without a topic closes", publishing(0x30, "", b"x"))
signed_in("a message to a + closes", publishing(0x30, USER + "/+", b"x"))
signed_in("a message to a # closes", publishing(0x30, USER + "/#", b"x"))
signed_in("a topic with a null closes", publishing(0x30, USER + "/\0", b"x"))
signed_in("a topic that is not UTF-8 closes", publishing(0x30, b"/\xc3\x28", b"x"))
signed_in("a topic longer than its packet closes", packet(0x30, b"\x10\0abc"))
signed_in("QoS 1 without an identifier closes", packet(0x32, text(USER + "/up")))
signed_in("sent again with QoS 0 makes no sense and closes", publishing(0x38, USER + "/up", b"x"))
signed_in(
    "a message with QoS 2",
    publishing(0x34, USER + "/up", b"\0\1x"),
    Platform(["closed"], ["50:0001", PONG], "(30540): QoS 0 and 1 only"),
)
signed_in(
    "the end of a QoS 2 exchange that never began",
    packet(0x62, b"\0\1"),
    Platform(["closed"], ["70:0001", PONG], "(30540): QoS 0 and 1 only"),
)
signed_in(
    "a message to be retained",
    # (Under no filter of another check: it stays there.)
    publishing(0x31, f"/sys/{PK}/{DN}/thing/kept", b"x"),
    Platform(["closed"], [PONG], "(30540): no retained messages"),
)
signed_in(
    "a message to somebody else's topic",
    publishing(0x30, "/another/device/user/x", b"x"),
    Platform(
        ["closed"],
        [PONG],
        "(30540): a device's own topics only (a broker does that with an access list)",
    ),
)
signed_in(
    "a message to a topic the device subscribes to itself",
    publishing(0x30, USER + "/up", b"x"),
    Platform(
        [PONG],
        ["30:" + (text(USER + "/up") + b"x").hex(), PONG],
        "what a device sends goes to the cloud; only the cloud sends to a device",
    ),
    USER + "/up",
)


# --- messages to the device ---


def _receiving(
    name: str,
    filters: list[tuple[str, int]],
    topic: str,
    qos: int = 0,
    payload: bytes = b"rain\xff\0",
    differs: Platform | None = None,
) -> None:
    @check(name, differs)
    def run(end: End) -> list[str]:
        with end.signed_in() as device:
            for topic_filter, wanted in filters:
                device.subscribe(topic_filter, qos=wanted)
            end.publish(topic, payload, qos)
            said = answers(device, b"")
        # An end numbers its messages as it likes.
        at = 2 * (2 + len(topic)) + 3
        for n, one in enumerate(said):
            if one.startswith("32:"):
                assert one[at : at + 4] != "0000"
                said[n] = one[:at] + "...." + one[at + 4 :]
        return [one if len(one) < 200 else f"{one[:80]}... {len(one)}" for one in said]


def _down(first: int, topic: str, payload: bytes = b"rain\xff\0", number: str = "") -> str:
    return f"{first:02x}:{text(topic).hex()}{number}{payload.hex()}"


_receiving("a message reaches its subscriber as it was sent", [(X, 0)], X)
_receiving("an empty message does, too", [(X, 0)], X, payload=b"")
_receiving("100 KB do, too", [(X, 0)], X, payload=bytes(range(250)) * 400)
_receiving("QoS 1 arrives with QoS 1", [(X, 1)], X, 1)
_receiving("QoS 0 stays QoS 0 to a subscriber with 1", [(X, 1)], X, 0)
_receiving(
    "QoS 1 to a subscriber with QoS 0",
    [(X, 0)],
    X,
    1,
    differs=Platform(
        [_down(0x32, X, number="...."), PONG],
        [_down(0x30, X), PONG],
        "(30540): the subscriber's QoS is ignored, the publisher's counts",
    ),
)
_receiving("a + stands for one level", [(USER + "/+/x", 0)], USER + "/roof/x")
_receiving("a + does not stand for two", [(USER + "/+", 0)], USER + "/roof/x")
_receiving("a + stands for an empty level", [(USER + "/+/x", 0)], USER + "//x")
_receiving("a # stands for all that follows", [(USER + "/#", 0)], USER + "/a/b")
_receiving("a # stands for the level above as well", [(X + "/#", 0)], X)
_receiving("another topic is not delivered", [(USER + "/y", 0)], X)
_receiving("another case is another topic", [(USER + "/X", 0)], X)
_receiving("two filters that both match deliver once", [(X, 0), (USER + "/+", 0)], X)
_receiving("subscribed to twice delivers once", [(X, 0), (X, 0)], X)


@check("what was unsubscribed is not delivered")
def _(end: End) -> list[str]:
    with end.signed_in(X, USER + "/y") as device:
        said = answers(device, _unsubscribe(9, X))
        end.publish(X, b"1", 0)
        end.publish(USER + "/y", b"2", 0)
        return said + answers(device, b"")


@check("a new connection has no subscriptions")
def _(end: End) -> list[str]:
    end.signed_in(X).sock.close()
    with end.signed_in() as device:
        end.publish(X, b"1", 0)
        return answers(device, b"")
