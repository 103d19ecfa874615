"""MQTT 3.1.1 in checks: signing in, pings, signing off, and packets of no kind."""

from __future__ import annotations

from host_tests.kit.mqtt_check import (
    CONNACK,
    PONG,
    USER,
    End,
    Platform,
    answers,
    check,
    connecting,
    publishing,
    raw_connecting,
    signed_in,
    subscribing,
)
from host_tests.kit.raw_mqtt import (
    connect_packet,
    packet,
    text,
)

_GOOD = connect_packet()
_BODY = _GOOD[3:]

connecting("a device that behaves is accepted")
connecting("MQTT 3.1 is accepted as well", name="MQIsdp", level=3)
connecting("a level of 6 is answered with code 1", level=6)
connecting(
    "a level of 5 is MQTT 5",
    Platform(
        ["20:0001", "closed"],
        ["closed"],
        "(30540): MQTT 5 on some instances only, not here; to mosquitto this body is no MQTT 5",
        lenient=True,
    ),
    level=5,
)
connecting("another protocol's name is hung up on", name="MQTS")
connecting("3.1's name with 3.1.1's level is no protocol", name="MQIsdp", level=4)
connecting("3.1.1's name with 3.1's level is no protocol", name="MQTT", level=3)
connecting("the reserved connect flag closes", flags=0xC3)
raw_connecting(
    "a password without a user name closes",
    packet(0x10, text("MQTT") + b"\4\x42\0\x3c" + text("c|securemode=3|") + text("p")),
)
connecting("will options without a will close", flags=0xCA)
raw_connecting("a CONNECT cut short closes", packet(0x10, _BODY[:-1]))
raw_connecting("a CONNECT with flags in its first byte closes", packet(0x11, _BODY))
raw_connecting(
    "a client ID that is not UTF-8 closes",
    packet(0x10, _BODY[:10] + text(b"\xff\xfe") + text("u") + text("p")),
)
raw_connecting("bytes of no protocol are hung up on", b"GET / HTTP/1.1\r\n\r\n")
raw_connecting("a ping before the CONNECT closes", b"\xc0\0")
raw_connecting("a message before the CONNECT closes", packet(0x30, text(USER + "/x") + b"x"))
raw_connecting("a DISCONNECT before the CONNECT closes", b"\xe0\0")
connecting(
    "a wrong password",
    Platform(
        ["20:0004", "closed"],
        ["20:0005", "closed"],
        "whether it is 4 or 5 is not documented; Dialect.wrong_secret_code chooses",
    ),
    password="0" * 64,
)
connecting(
    "no keep alive",
    Platform(
        ["20:0002", "closed"],
        [CONNACK, PONG],
        "(30540): 30 to 1200 s, others are refused",
    ),
    keepalive=0,
)
connecting(
    "a keep alive of 29 s",
    Platform(
        ["20:0002", "closed"],
        [CONNACK, PONG],
        "(30540): 30 to 1200 s, others are refused",
    ),
    keepalive=29,
)
connecting(
    "a will",
    Platform(["20:0002", "closed"], [CONNACK, PONG], "(30540): no will"),
    flags=0xC6,
    will=text(USER + "/will") + text("gone"),
)
connecting(
    "a client ID without a list between bars",
    Platform(
        ["20:0002", "closed"],
        [CONNACK, PONG],
        "(73742): the client ID says how the password is made; a broker does not read it",
    ),
    client_id="node-07",
)


@check(
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


@check("a second CONNECT closes")
def _(end: End) -> list[str]:
    with end.signed_in() as device:
        return answers(device, _GOOD)


@check("a second connection of the same device evicts the first")
def _(end: End) -> list[str]:
    with end.signed_in() as first, end.signed_in() as second:
        return ["evicted" if first.is_closed() else "stays", *answers(second, b"")]


@check(
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


@check("a CONNECT that comes byte by byte is taken")
def _(end: End) -> list[str]:
    with end.device() as device:
        for at in range(len(_GOOD)):
            device.send(_GOOD[at : at + 1])
        return answers(device, b"")


@check("several packets in one segment are taken in order")
def _(end: End) -> list[str]:
    with end.device() as device:
        device.send(
            _GOOD + subscribing(5, (USER + "/x", 0)) + publishing(0x32, USER + "/up", b"\0\1x")
        )
        return answers(device, b"")


# --- ping, sign-off, packets of no kind ---

signed_in("a ping is answered", b"")
signed_in("a DISCONNECT ends the connection", b"\xe0\0")
signed_in("packet type 0 closes", b"\0\0")
signed_in("packet type 15 closes", b"\xf0\0")
signed_in("a length of five bytes closes", b"\x30\xff\xff\xff\xff\x01")
signed_in("a CONNACK from a device closes", b"\x20\x02\0\0")
_LENIENT = "MQTT 3.1.1, 4.8: what may not come closes; mosquitto lets it pass (it may be a bridge)"
signed_in(
    "a SUBACK from a device",
    packet(0x90, b"\0\1\0"),
    Platform(["closed"], [PONG], _LENIENT, lenient=True),
)
signed_in(
    "a PINGRESP from a device", b"\xd0\0", Platform(["closed"], [PONG], _LENIENT, lenient=True)
)
signed_in(
    "a ping with flags",
    b"\xc1\0",
    Platform(
        ["closed"],
        [PONG],
        "MQTT 3.1.1, 2.2.2: wrong flags close; mosquitto does not look",
        lenient=True,
    ),
)
signed_in("a PUBACK for nothing is harmless", packet(0x40, b"\x12\x67"))
signed_in("a PUBACK with identifier 0 closes", packet(0x40, b"\0\0"))
