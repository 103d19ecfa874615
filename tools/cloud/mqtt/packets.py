"""MQTT 3.1.1 packets, as far as the platform speaks the protocol: bytes to values and back.

Nothing here knows a socket or a device. Everything that is not a well-formed packet raises
`Malformed`; the gateway closes the connection then ("MQTT protocol specifications", 30540).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

CONNECT, CONNACK, PUBLISH, PUBACK = 1, 2, 3, 4
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK = 8, 9, 10, 11
PINGREQ, PINGRESP, DISCONNECT = 12, 13, 14

# CONNACK return codes (names of MQTT 3.1.1).
ACCEPTED, BAD_PROTOCOL, BAD_CLIENT_ID, UNAVAILABLE, BAD_CREDENTIALS, NOT_AUTHORISED = range(6)

# The bits a packet type's first byte has to have below the type.
_FLAGS = {SUBSCRIBE: 2, UNSUBSCRIBE: 2}


class Malformed(Exception):
    """The bytes are not the MQTT packet they should be. The text says what is wrong with them."""


@dataclass(frozen=True)
class Packet:
    """One whole packet: type 1..14, the four flag bits, and everything behind the length."""

    kind: int
    flags: int
    body: bytes


@dataclass(frozen=True)
class Connect:
    """A CONNECT: `level` 3 or 4 are MQTT 3.1 and 3.1.1; `keepalive` is in seconds.

    A version that is not `spoken` has nothing but its level.
    """

    level: int
    spoken: bool
    clean: bool
    keepalive: int
    client_id: str
    will: bool
    user_name: str | None
    password: str | None = field(repr=False)


@dataclass(frozen=True)
class Publish:
    """A PUBLISH from the device; `packet_id` is 0 with QoS 0."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    dup: bool
    packet_id: int


class Splitter:
    """Cuts a byte stream into packets; holds at most one packet of `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[Packet]:
        """Add `data` and give every packet that is complete. Raises Malformed."""
        self._held += data
        while (packet := self._take()) is not None:
            yield packet

    def _take(self) -> Packet | None:
        held = self._held
        if not held:
            return None
        kind, flags = held[0] >> 4, held[0] & 15
        # A first byte that can start no packet is refused at once, before its length is read.
        if not 1 <= kind <= 14:
            raise Malformed(f"packet type {kind} does not exist")
        if kind != PUBLISH and flags != _FLAGS.get(kind, 0):
            raise Malformed(f"packet type {kind} with flags {flags}")
        length, shift, at = 0, 0, 1
        while True:
            if at > 4:
                raise Malformed("a remaining length of more than 4 bytes")
            if at >= len(held):
                return None
            length |= (held[at] & 127) << shift
            at += 1
            if held[at - 1] < 128:
                break
            shift += 7
        if length > self.limit:
            raise Malformed(f"a packet of {length} bytes; at most {self.limit} are allowed")
        if len(held) < at + length:
            return None
        body = bytes(held[at : at + length])
        del held[: at + length]
        return Packet(kind, flags, body)


class _Fields:
    """Reads the fields of a packet's body one after the other."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.at = 0

    def take(self, count: int) -> bytes:
        end = self.at + count
        if end > len(self.body):
            raise Malformed("the packet ends in the middle of a field")
        piece = self.body[self.at : end]
        self.at = end
        return piece

    def byte(self) -> int:
        return self.take(1)[0]

    def word(self) -> int:
        return int.from_bytes(self.take(2), "big")

    def text(self) -> str:
        raw = self.take(self.word())
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise Malformed("a text that is not UTF-8") from None
        if "\0" in text:
            raise Malformed("a text with a null character")
        return text

    def packet_id(self) -> int:
        number = self.word()
        if number == 0:
            raise Malformed("packet identifier 0")
        return number

    def left(self) -> bool:
        return self.at < len(self.body)

    def rest(self) -> bytes:
        return self.take(len(self.body) - self.at)

    def end(self) -> None:
        if self.left():
            raise Malformed(f"{len(self.body) - self.at} bytes too many")


def read_connect(packet: Packet) -> Connect:
    """The fields of a CONNECT. Raises Malformed."""
    fields = _Fields(packet.body)
    name, level = fields.text(), fields.byte()
    if name not in ("MQTT", "MQIsdp"):
        raise Malformed("the protocol is not MQTT")
    flags = fields.byte()
    keepalive = fields.word()
    if (name, level) not in (("MQIsdp", 3), ("MQTT", 4)):
        # Another version's body has another form (MQTT 5: properties); the level is enough to
        # answer it with "protocol version not supported".
        return Connect(level, False, True, keepalive, "", False, None, None)
    if flags & 1:
        raise Malformed("the reserved connect flag is set")
    will = bool(flags & 4)
    if not will and flags & 0x38:
        raise Malformed("will options without a will")
    if flags & 0x40 and not flags & 0x80:
        raise Malformed("a password without a user name")
    client_id = fields.text()
    if will:
        fields.text()
        fields.take(fields.word())
    user_name = fields.text() if flags & 0x80 else None
    password = fields.text() if flags & 0x40 else None
    fields.end()
    return Connect(level, True, bool(flags & 2), keepalive, client_id, will, user_name, password)


def read_publish(packet: Packet) -> Publish:
    """The fields of a PUBLISH. Raises Malformed (QoS 3 does not exist; QoS 2 is told)."""
    qos = packet.flags >> 1 & 3
    if qos == 3:
        raise Malformed("QoS 3")
    dup, retain = bool(packet.flags & 8), bool(packet.flags & 1)
    fields = _Fields(packet.body)
    topic = fields.text()
    if not topic or "+" in topic or "#" in topic:
        raise Malformed("a topic that is empty or has wildcards")
    packet_id = fields.packet_id() if qos else 0
    return Publish(topic, fields.rest(), qos, retain, dup, packet_id)


def read_subscribe(packet: Packet) -> tuple[int, list[tuple[str, int]]]:
    """Packet identifier and (filter, requested QoS) pairs of a SUBSCRIBE. Raises Malformed."""
    fields = _Fields(packet.body)
    packet_id = fields.packet_id()
    filters: list[tuple[str, int]] = []
    while fields.left():
        topic_filter, qos = fields.text(), fields.byte()
        if qos > 2:
            raise Malformed(f"a requested QoS of {qos}")
        _check_filter(topic_filter)
        filters.append((topic_filter, qos))
    if not filters:
        raise Malformed("a SUBSCRIBE without a filter")
    return packet_id, filters


def read_unsubscribe(packet: Packet) -> tuple[int, list[str]]:
    """Packet identifier and filters of an UNSUBSCRIBE. Raises Malformed."""
    fields = _Fields(packet.body)
    packet_id = fields.packet_id()
    filters: list[str] = []
    while fields.left():
        filters.append(fields.text())
        _check_filter(filters[-1])
    if not filters:
        raise Malformed("an UNSUBSCRIBE without a filter")
    return packet_id, filters


def read_ack(packet: Packet) -> int:
    """The packet identifier of a PUBACK. Raises Malformed."""
    fields = _Fields(packet.body)
    packet_id = fields.packet_id()
    fields.end()
    return packet_id


def read_empty(packet: Packet) -> None:
    """Check that a PINGREQ or DISCONNECT carries nothing. Raises Malformed."""
    _Fields(packet.body).end()


def _check_filter(topic_filter: str) -> None:
    levels = topic_filter.split("/")
    if not topic_filter:
        raise Malformed("an empty topic filter")
    if any("#" in level and level != "#" for level in levels) or "#" in levels[:-1]:
        raise Malformed("a # that is not the last level of a filter")
    if any("+" in level and level != "+" for level in levels):
        raise Malformed("a + that is not a whole level of a filter")


def matches(topic_filter: str, topic: str) -> bool:
    """True when a subscription to `topic_filter` receives `topic`."""
    wanted, given = topic_filter.split("/"), topic.split("/")
    for number, level in enumerate(wanted):
        if level == "#":
            return True
        if number >= len(given) or level not in ("+", given[number]):
            return False
    return len(wanted) == len(given)


def _text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack(">H", len(raw)) + raw


def _packet(first: int, body: bytes) -> bytes:
    length, head = len(body), bytearray([first])
    while True:
        head.append(length & 127 | (128 if length > 127 else 0))
        length >>= 7
        if not length:
            return bytes(head) + body


def connack(code: int) -> bytes:
    """A CONNACK without a kept session."""
    return bytes([CONNACK << 4, 2, 0, code])


def suback(packet_id: int, codes: list[int]) -> bytes:
    """A SUBACK: one granted QoS, or 0x80 for refused, for each filter asked for."""
    return _packet(SUBACK << 4, struct.pack(">H", packet_id) + bytes(codes))


def unsuback(packet_id: int) -> bytes:
    """An UNSUBACK."""
    return _packet(UNSUBACK << 4, struct.pack(">H", packet_id))


def puback(packet_id: int) -> bytes:
    """A PUBACK."""
    return _packet(PUBACK << 4, struct.pack(">H", packet_id))


def pingresp() -> bytes:
    """A PINGRESP."""
    return bytes([PINGRESP << 4, 0])


def publish(topic: str, payload: bytes, qos: int = 0, packet_id: int = 0) -> bytes:
    """A PUBLISH to the device; `packet_id` is needed with QoS 1."""
    head = _text(topic)
    if qos:
        head += struct.pack(">H", packet_id)
    return _packet(PUBLISH << 4 | qos << 1, head + payload)
