"""MQTT 3.1.1 as a script of raw packets: what goes in, and how what comes back is written down.

Each check is a function of an `End` (a gateway or a broker) and gives a list of words: packets in
hex, "closed", or what it found. Two ends agree on a check when their lists are equal. Where the
platform is known to differ from a broker, the check says so with both lists and the reason.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from host_tests.kit.raw_mqtt import (
    DN,
    PK,
    SECRET,
    RawDevice,
    connect_packet,
    hmac_hex,
    packet,
    text,
)

USER = f"/{PK}/{DN}/user"
_X = USER + "/x"
CONNACK = "20:0000"
PONG = "d0:"


def connect_password() -> str:
    """The password of connect_packet()'s device, which a broker's password file holds."""
    return hmac_hex(
        "hmacsha256",
        SECRET,
        f"clientIdnode-07deviceName{DN}productKey{PK}timestamp1700000000000",
    )


@dataclass(frozen=True)
class End:
    """One side of the comparison: its plain port, and a way to send a message to the device.

    `publish(topic, payload, qos)` sends it to the device; when it returns, it is on its way.
    `signs` tells whether the client ID is part of what the password proves.
    """

    name: str
    mqtt_port: int
    signs: bool
    publish: Callable[[str, bytes, int], object]

    def device(self) -> RawDevice:
        """A connection that has sent nothing yet."""
        return RawDevice(self)  # type: ignore[arg-type]

    def connect(self, cid: str, flags: int) -> bytes:
        """The CONNECT of the same device under another client ID."""
        if self.signs:
            return connect_packet(cid=cid, flags=flags)
        # A password file has one password for a user: that of the usual client ID.
        return connect_packet(
            client_id=f"{cid}|securemode=3|", password=connect_password(), flags=flags
        )

    def signed_in(self, *filters: str, qos: int = 0) -> RawDevice:
        """A connection that is signed in and has subscribed."""
        device = self.device()
        assert device.connect() == 0
        if filters:
            assert device.subscribe(*filters, qos=qos) == [qos] * len(filters)
        return device


@dataclass(frozen=True)
class Platform:
    """A difference on purpose: what the gateway and mosquitto answer, and whose rule it is.

    Numbers are the platform's pages: "MQTT protocol specifications" (30540), "Establish MQTT
    connections over TCP" (73742), "Limits" (30527). `lenient`: mosquitto 2.0.11 takes what the
    standard forbids; a stricter one may agree with the gateway.
    """

    gateway: list[str]
    mosquitto: list[str]
    reason: str
    lenient: bool = False


@dataclass(frozen=True)
class Check:
    """One row of the comparison."""

    name: str
    run: Callable[[End], list[str]]
    differs: Platform | None


CHECKS: list[Check] = []


def _check(
    name: str, differs: Platform | None = None
) -> Callable[[Callable[[End], list[str]]], Callable[[End], list[str]]]:
    def add(run: Callable[[End], list[str]]) -> Callable[[End], list[str]]:
        CHECKS.append(Check(name, run, differs))
        return run

    return add


def answers(device: RawDevice, data: bytes, *, ping: bool = True) -> list[str]:
    """Send bytes; every packet that comes back, up to the answer of a ping or the close.

    With the ping no answer is waited for in vain. Packet: first byte, colon, body, in hex.
    """
    said: list[str] = []
    try:
        device.send(data)
        if ping:
            device.send(b"\xc0\0")
        while not said or said[-1] != PONG:
            first, body = device.receive()
            said.append(f"{first:02x}:{body.hex()}")
            if not ping and len(said) == 1:
                return said
    except (EOFError, ConnectionError):
        said.append("closed")
    return said


def _connecting(what: str, differs: Platform | None = None, /, **fields: Any) -> None:
    _raw_connecting(what, connect_packet(**fields), differs)


def _raw_connecting(name: str, data: bytes, differs: Platform | None = None) -> None:
    @_check(name, differs)
    def run(end: End) -> list[str]:
        with end.device() as device:
            return answers(device, data)


def _signed_in(
    name: str, data: bytes, differs: Platform | None = None, *filters: str, qos: int = 0
) -> None:
    @_check(name, differs)
    def run(end: End) -> list[str]:
        with end.signed_in(*filters, qos=qos) as device:
            return answers(device, data)


# --- sign-in ---

_GOOD = connect_packet()
_BODY = _GOOD[3:]

_connecting("a device that behaves is accepted")
_connecting("MQTT 3.1 is accepted as well", name="MQIsdp", level=3)
_connecting("a level of 6 is answered with code 1", level=6)
_connecting(
    "a level of 5 is MQTT 5",
    Platform(
        ["20:0001", "closed"],
        ["closed"],
        "(30540): MQTT 5 on some instances only, not here; to mosquitto this body is no MQTT 5",
        lenient=True,
    ),
    level=5,
)
_connecting("another protocol's name is hung up on", name="MQTS")
_connecting("3.1's name with 3.1.1's level is no protocol", name="MQIsdp", level=4)
_connecting("3.1.1's name with 3.1's level is no protocol", name="MQTT", level=3)
_connecting("the reserved connect flag closes", flags=0xC3)
_raw_connecting(
    "a password without a user name closes",
    packet(0x10, text("MQTT") + b"\4\x42\0\x3c" + text("c|securemode=3|") + text("p")),
)
_connecting("will options without a will close", flags=0xCA)
_raw_connecting("a CONNECT cut short closes", packet(0x10, _BODY[:-1]))
_raw_connecting("a CONNECT with flags in its first byte closes", packet(0x11, _BODY))
_raw_connecting(
    "a client ID that is not UTF-8 closes",
    packet(0x10, _BODY[:10] + text(b"\xff\xfe") + text("u") + text("p")),
)
_raw_connecting("bytes of no protocol are hung up on", b"GET / HTTP/1.1\r\n\r\n")
_raw_connecting("a ping before the CONNECT closes", b"\xc0\0")
_raw_connecting("a message before the CONNECT closes", packet(0x30, text(USER + "/x") + b"x"))
_raw_connecting("a DISCONNECT before the CONNECT closes", b"\xe0\0")
_connecting(
    "a wrong password",
    Platform(
        ["20:0004", "closed"],
        ["20:0005", "closed"],
        "whether it is 4 or 5 is not documented; Dialect.wrong_secret_code chooses",
    ),
    password="0" * 64,
)
_connecting(
    "no keep alive",
    Platform(
        ["20:0002", "closed"],
        [CONNACK, PONG],
        "(30540): 30 to 1200 s, others are refused",
    ),
    keepalive=0,
)
_connecting(
    "a keep alive of 29 s",
    Platform(
        ["20:0002", "closed"],
        [CONNACK, PONG],
        "(30540): 30 to 1200 s, others are refused",
    ),
    keepalive=29,
)
_connecting(
    "a will",
    Platform(["20:0002", "closed"], [CONNACK, PONG], "(30540): no will"),
    flags=0xC6,
    will=text(USER + "/will") + text("gone"),
)
_connecting(
    "a client ID without a list between bars",
    Platform(
        ["20:0002", "closed"],
        [CONNACK, PONG],
        "(73742): the client ID says how the password is made; a broker does not read it",
    ),
    client_id="node-07",
)


@_check(
    "a session that is to be kept",
    Platform(
        [CONNACK, CONNACK],
        [CONNACK, "20:0100"],
        "every reference client asks for a clean session; the stand-in keeps no other",
    ),
)
def _(end: End) -> list[str]:
    kept = end.connect("kept", 0xC0)
    said = []
    for _ in range(2):
        with end.device() as device:
            said += answers(device, kept, ping=False)
    return said


@_check("a second CONNECT closes")
def _(end: End) -> list[str]:
    with end.signed_in() as device:
        return answers(device, _GOOD)


@_check("a second connection of the same device evicts the first")
def _(end: End) -> list[str]:
    with end.signed_in() as first, end.signed_in() as second:
        return ["evicted" if first.is_closed() else "stays", *answers(second, b"")]


@_check(
    "a second connection of the same user under another client ID",
    Platform(
        ["closed"],
        [PONG],
        "(73742): the user name says who a device is; to a broker the client ID does",
    ),
)
def _(end: End) -> list[str]:
    with end.signed_in() as first, end.device() as second:
        answers(second, end.connect("other", 0xC2), ping=False)
        return answers(first, b"")


@_check("a CONNECT that comes byte by byte is taken")
def _(end: End) -> list[str]:
    with end.device() as device:
        for at in range(len(_GOOD)):
            device.send(_GOOD[at : at + 1])
        return answers(device, b"")


@_check("several packets in one segment are taken in order")
def _(end: End) -> list[str]:
    with end.device() as device:
        device.send(
            _GOOD + _subscribe(5, (USER + "/x", 0)) + _publish(0x32, USER + "/up", b"\0\1x")
        )
        return answers(device, b"\xe0\0")


# --- ping, sign-off, packets of no kind ---

_signed_in("a ping is answered", b"")
_signed_in("a DISCONNECT ends the connection", b"\xe0\0")
_signed_in("packet type 0 closes", b"\0\0")
_signed_in("packet type 15 closes", b"\xf0\0")
_signed_in("a length of five bytes closes", b"\x30\xff\xff\xff\xff\x01")
_signed_in("a CONNACK from a device closes", b"\x20\x02\0\0")
_LENIENT = "MQTT 3.1.1, 4.8: what may not come closes; mosquitto lets it pass (it may be a bridge)"
_signed_in(
    "a SUBACK from a device",
    packet(0x90, b"\0\1\0"),
    Platform(["closed"], [PONG], _LENIENT, lenient=True),
)
_signed_in(
    "a PINGRESP from a device", b"\xd0\0", Platform(["closed"], [PONG], _LENIENT, lenient=True)
)
_signed_in(
    "a ping with flags",
    b"\xc1\0",
    Platform(
        ["closed"],
        [PONG],
        "MQTT 3.1.1, 2.2.2: wrong flags close; mosquitto does not look",
        lenient=True,
    ),
)
_signed_in("a PUBACK for nothing is harmless", packet(0x40, b"\x12\x67"))
_signed_in("a PUBACK with identifier 0 closes", packet(0x40, b"\0\0"))


# --- SUBSCRIBE and UNSUBSCRIBE ---


def _subscribe(number: int, *filters: tuple[str, int], first: int = 0x82) -> bytes:
    body = struct.pack(">H", number)
    for topic_filter, qos in filters:
        body += text(topic_filter) + bytes([qos])
    return packet(first, body)


def _unsubscribe(number: int, *filters: str, first: int = 0xA2) -> bytes:
    return packet(first, struct.pack(">H", number) + b"".join(map(text, filters)))


_signed_in("a subscription with QoS 0 is granted", _subscribe(1, (USER + "/a", 0)))
_signed_in("a subscription with QoS 1 is granted", _subscribe(0xFFFF, (USER + "/a", 1)))
_signed_in(
    "a subscription with QoS 2",
    _subscribe(2, (USER + "/a", 2)),
    Platform(["90:000280", PONG], ["90:000202", PONG], "(30540): QoS 0 and 1 only"),
)
_signed_in(
    "eight filters get eight codes in their order",
    _subscribe(3, *((f"{USER}/{n}", n % 2) for n in range(8))),
)
_signed_in(
    "nine filters in one SUBSCRIBE",
    _subscribe(3, *((f"{USER}/{n}", 0) for n in range(9))),
    Platform(
        ["closed"],
        ["90:0003" + "00" * 9, PONG],
        "(30527): 8 filters in one SUBSCRIBE",
    ),
)
_signed_in("the same filter twice gets two codes", _subscribe(4, (_X, 0), (_X, 1)))
_signed_in("a + for a level and a # at the end", _subscribe(5, (USER + "/+/x/#", 0)))
_signed_in(
    "somebody else's topic",
    _subscribe(6, ("/another/device/user/x", 0)),
    Platform(
        ["90:000680", PONG],
        ["90:000600", PONG],
        "(30540): a device's own topics only (a broker does that with an access list)",
    ),
)
_signed_in("a SUBSCRIBE with wrong flags closes", _subscribe(1, (USER, 0), first=0x80))
_signed_in("a SUBSCRIBE without a filter closes", packet(0x82, b"\0\1"))
_signed_in("a SUBSCRIBE with identifier 0 closes", _subscribe(0, (USER, 0)))
_signed_in("a SUBSCRIBE without a QoS closes", packet(0x82, b"\0\1" + text(USER)))
_signed_in("a SUBSCRIBE with QoS 3 closes", _subscribe(1, (USER, 3)))
_signed_in("an empty filter closes", _subscribe(1, ("", 0)))
_signed_in("a # in the middle closes", _subscribe(1, (USER + "/#/x", 0)))
_signed_in("half a + closes", _subscribe(1, (USER + "/a+", 0)))
_signed_in("half a # closes", _subscribe(1, (USER + "/a#", 0)))
_signed_in("an UNSUBSCRIBE is acknowledged", _unsubscribe(7, USER + "/a"), None, USER + "/a")
_signed_in("so is one from what was never subscribed", _unsubscribe(8, USER + "/b", USER + "/c"))
_signed_in("an UNSUBSCRIBE without a filter closes", packet(0xA2, b"\0\1"))
_signed_in("an UNSUBSCRIBE with wrong flags closes", _unsubscribe(1, USER, first=0xA0))


# --- messages from the device ---


def _publish(first: int, topic: str | bytes, rest: bytes) -> bytes:
    return packet(first, text(topic) + rest)


_signed_in("a message with QoS 0 gets no answer", _publish(0x30, USER + "/up", b"x"))
_signed_in("a message without payload passes", _publish(0x30, USER + "/up", b""))
_signed_in("a message with QoS 1 is acknowledged", _publish(0x32, USER + "/up", b"\x80\1x"))
_signed_in("so is one sent again", _publish(0x3A, USER + "/up", b"\0\1x") * 2)
_signed_in(
    "100 KB with QoS 1 are acknowledged", _publish(0x32, USER + "/up", b"\0\1" + bytes(100_000))
)
_signed_in("QoS 3 closes", _publish(0x36, USER + "/up", b"\0\1x"))
_signed_in("identifier 0 closes", _publish(0x32, USER + "/up", b"\0\0x"))
_signed_in("a message without a topic closes", _publish(0x30, "", b"x"))
_signed_in("a message to a + closes", _publish(0x30, USER + "/+", b"x"))
_signed_in("a message to a # closes", _publish(0x30, USER + "/#", b"x"))
_signed_in("a topic with a null closes", _publish(0x30, USER + "/\0", b"x"))
_signed_in("a topic that is not UTF-8 closes", _publish(0x30, b"/\xc3\x28", b"x"))
_signed_in("a topic longer than its packet closes", packet(0x30, b"\x10\0abc"))
_signed_in("QoS 1 without an identifier closes", packet(0x32, text(USER + "/up")))
_signed_in("sent again with QoS 0 makes no sense and closes", _publish(0x38, USER + "/up", b"x"))
_signed_in(
    "a message with QoS 2",
    _publish(0x34, USER + "/up", b"\0\1x"),
    Platform(["closed"], ["50:0001", PONG], "(30540): QoS 0 and 1 only"),
)
_signed_in(
    "the end of a QoS 2 exchange that never began",
    packet(0x62, b"\0\1"),
    Platform(["closed"], ["70:0001", PONG], "(30540): QoS 0 and 1 only"),
)
_signed_in(
    "a message to be retained",
    # (Under no filter of another check: it stays there.)
    _publish(0x31, f"/sys/{PK}/{DN}/thing/kept", b"x"),
    Platform(["closed"], [PONG], "(30540): no retained messages"),
)
_signed_in(
    "a message to somebody else's topic",
    _publish(0x30, "/another/device/user/x", b"x"),
    Platform(
        ["closed"],
        [PONG],
        "(30540): a device's own topics only (a broker does that with an access list)",
    ),
)
_signed_in(
    "a message to a topic the device subscribes to itself",
    _publish(0x30, USER + "/up", b"x"),
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
    @_check(name, differs)
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


_receiving("a message reaches its subscriber as it was sent", [(_X, 0)], _X)
_receiving("an empty message does, too", [(_X, 0)], _X, payload=b"")
_receiving("100 KB do, too", [(_X, 0)], _X, payload=bytes(range(250)) * 400)
_receiving("QoS 1 arrives with QoS 1", [(_X, 1)], _X, 1)
_receiving("QoS 0 stays QoS 0 to a subscriber with 1", [(_X, 1)], _X, 0)
_receiving(
    "QoS 1 to a subscriber with QoS 0",
    [(_X, 0)],
    _X,
    1,
    differs=Platform(
        [_down(0x32, _X, number="...."), PONG],
        [_down(0x30, _X), PONG],
        "(30540): the subscriber's QoS is ignored, the publisher's counts",
    ),
)
_receiving("a + stands for one level", [(USER + "/+/x", 0)], USER + "/roof/x")
_receiving("a + does not stand for two", [(USER + "/+", 0)], USER + "/roof/x")
_receiving("a + stands for an empty level", [(USER + "/+/x", 0)], USER + "//x")
_receiving("a # stands for all that follows", [(USER + "/#", 0)], USER + "/a/b")
_receiving("a # stands for the level above as well", [(_X + "/#", 0)], _X)
_receiving("another topic is not delivered", [(USER + "/y", 0)], _X)
_receiving("another case is another topic", [(USER + "/X", 0)], _X)
_receiving("two filters that both match deliver once", [(_X, 0), (USER + "/+", 0)], _X)
_receiving("subscribed to twice delivers once", [(_X, 0), (_X, 0)], _X)


@_check("what was unsubscribed is not delivered")
def _(end: End) -> list[str]:
    with end.signed_in(_X, USER + "/y") as device:
        said = answers(device, _unsubscribe(9, _X))
        end.publish(_X, b"1", 0)
        end.publish(USER + "/y", b"2", 0)
        return said + answers(device, b"")


@_check("a new connection has no subscriptions")
def _(end: End) -> list[str]:
    end.signed_in(_X).sock.close()
    with end.signed_in() as device:
        end.publish(_X, b"1", 0)
        return answers(device, b"")
