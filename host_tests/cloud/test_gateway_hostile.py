"""Bytes that are no MQTT, and reports that are no reports: nobody else notices."""

from __future__ import annotations

import random

import pytest

from host_tests.kit.raw_mqtt import (
    DN,
    INFORM,
    PK,
    PROGRESS,
    UPGRADE,
    USER,
    RawDevice,
    connect_packet,
    online,
    packet,
    text,
)
from host_tests.kit.tasks import one_version
from tools.cloud import LocalCloud

prepare = one_version


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
