"""A device made of bytes: MQTT 3.1.1 over a plain socket, written apart from the stand-in's codec.

Tests use it to send what no device library would send, and to see exactly what comes back.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import socket
import ssl
import struct
from typing import Any

from tools.cloud import LocalCloud

PK, DN = "a1B2c3D4e5F", "greenhouse_07"
SECRET = "0123456789abcdef0123456789abcdef"
UPGRADE = f"/ota/device/upgrade/{PK}/{DN}"
INFORM = f"/ota/device/inform/{PK}/{DN}"
PROGRESS = f"/ota/device/progress/{PK}/{DN}"
QUERY = f"/sys/{PK}/{DN}/thing/ota/firmware/get"
QUERY_REPLY = QUERY + "_reply"
USER = f"/{PK}/{DN}/user/weather"  # a topic of its own
TIMEOUT_S = 60.0


def text(value: str | bytes) -> bytes:
    """A length-prefixed text field."""
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack(">H", len(raw)) + raw


def packet(first: int, body: bytes) -> bytes:
    """A packet with its remaining length."""
    length, head = len(body), bytes([first])
    while length > 127:
        head += bytes([length & 127 | 128])
        length >>= 7
    return head + bytes([length]) + body


def hmac_hex(method: str, secret: str, content: str) -> str:
    """The password; `method` is the name on the wire, "hmacsha256"."""
    return hmac.new(secret.encode(), content.encode(), method[4:]).hexdigest()


def connect_packet(
    *,
    pk: str = PK,
    dn: str = DN,
    secret: str = SECRET,
    cid: str = "node-07",
    method: str = "hmacsha256",
    timestamp: str | None = "1700000000000",
    mode: int = 3,
    extra: str = "",
    client_id: str | None = None,
    user_name: str | None = None,
    password: str | None = None,
    keepalive: int = 300,
    flags: int = 0xC2,
    level: int = 4,
    name: str = "MQTT",
    will: bytes = b"",
) -> bytes:
    """A CONNECT; what is not given is what a device that behaves would send."""
    content = f"clientId{cid}deviceName{dn}productKey{pk}"
    parameters = f"securemode={mode},signmethod={method}{extra}"
    if timestamp is not None:
        content += f"timestamp{timestamp}"
        parameters += f",timestamp={timestamp}"
    if password is None:
        password = hmac_hex(method, secret, content)
    body = text(name) + bytes([level, flags]) + struct.pack(">H", keepalive)
    body += text(f"{cid}|{parameters}|" if client_id is None else client_id) + will
    body += text(f"{dn}&{pk}" if user_name is None else user_name) + text(password)
    return packet(0x10, body)


class RawDevice:
    """One connection. Reads have a deadline; nothing else happens by itself."""

    def __init__(self, cloud: LocalCloud, *, tls: bool = False) -> None:
        self.cloud = cloud
        self.tls = tls
        port = cloud.mqtts_port if tls else cloud.mqtt_port
        self.sock = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            context = ssl.create_default_context(cadata=cloud.ca_der)
            self.sock = context.wrap_socket(self.sock, server_hostname="localhost")
        self.held = b""
        self._ids = 0

    def __enter__(self) -> RawDevice:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.sock.sendall(data)

    def _read(self, count: int) -> bytes:
        while len(self.held) < count:
            piece = self.sock.recv(65536)
            if not piece:
                raise EOFError("the gateway closed the connection")
            self.held += piece
        data, self.held = self.held[:count], self.held[count:]
        return data

    def receive(self, timeout_s: float = TIMEOUT_S) -> tuple[int, bytes]:
        """The next packet: its first byte and its body. EOFError when closed, TimeoutError."""
        self.sock.settimeout(timeout_s)
        try:
            first = self._read(1)[0]
            length = shift = 0
            while True:
                byte = self._read(1)[0]
                length |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    return first, self._read(length)
        except ConnectionError:
            raise EOFError("the gateway reset the connection") from None

    def is_closed(self) -> bool:
        """Wait until the gateway has closed the connection; False when it says something."""
        with contextlib.suppress(EOFError):
            self.receive()
            return False
        return True

    def is_silent(self, for_s: float = 0.2) -> bool:
        """True when nothing at all arrives within a short time."""
        try:
            self.receive(for_s)
        except TimeoutError:
            return True
        return False

    def connect(self, **fields: Any) -> int:
        """Send a CONNECT; the code of the CONNACK."""
        if self.tls:
            fields.setdefault("mode", 2)
        self.send(connect_packet(**fields))
        first, body = self.receive()
        assert (first, body[0], len(body)) == (0x20, 0, 2)
        return body[1]

    def subscribe(self, *filters: str, qos: int = 0) -> list[int]:
        """Send a SUBSCRIBE; the codes of the SUBACK."""
        self._ids += 1
        body = struct.pack(">H", self._ids)
        for topic_filter in filters:
            body += text(topic_filter) + bytes([qos])
        self.send(packet(0x82, body))
        first, answer = self.receive()
        assert (first, answer[:2]) == (0x90, struct.pack(">H", self._ids))
        return list(answer[2:])

    def publish(self, topic: str, payload: bytes | str | dict[str, Any], qos: int = 0) -> int:
        """Send a PUBLISH; its packet identifier (0 with QoS 0). Does not wait for the PUBACK."""
        if isinstance(payload, dict):
            payload = json.dumps(payload)
        data = payload.encode() if isinstance(payload, str) else payload
        body = text(topic)
        if qos:
            self._ids += 1
            body += struct.pack(">H", self._ids)
        self.send(packet(0x30 | qos << 1, body + data))
        return self._ids if qos else 0

    def message(self, timeout_s: float = TIMEOUT_S) -> tuple[str, bytes]:
        """The next packet, which has to be a PUBLISH: topic and payload. QoS 1 is acknowledged."""
        first, body = self.receive(timeout_s)
        assert first & 0xF0 == 0x30, f"expected a PUBLISH, not {first:#x}"
        at = 2 + int.from_bytes(body[:2], "big")
        topic = body[2:at].decode()
        if first & 6:
            self.send(packet(0x40, body[at : at + 2]))
            at += 2
        return topic, body[at:]

    def push(self) -> dict[str, Any]:
        """The next packet, which has to be an upgrade push: the whole message."""
        topic, payload = self.message()
        assert topic == UPGRADE
        message: dict[str, Any] = json.loads(payload)
        return message

    def report(self, version: str, **params: Any) -> None:
        """Report a version."""
        self.publish(INFORM, {"id": "1", "params": {"version": version, **params}})

    def progress(self, step: str | int, desc: str = "", **params: Any) -> None:
        """Report progress."""
        self.publish(PROGRESS, {"id": "2", "params": {"step": step, "desc": desc, **params}})

    def query(self, **params: Any) -> dict[str, Any]:
        """Ask for a job; the whole reply."""
        self.publish(QUERY, {"id": "7", "version": "1.0", "params": params})
        topic, payload = self.message()
        assert topic == QUERY_REPLY
        reply: dict[str, Any] = json.loads(payload)
        return reply

    def ping(self) -> None:
        """Send a PINGREQ and take the PINGRESP: what was sent before has been handled."""
        self.send(b"\xc0\0")
        assert self.receive() == (0xD0, b"")


def online(cloud: LocalCloud, version: str | None = "1.0.0", **fields: Any) -> RawDevice:
    """A device that is signed in, subscribed and has reported its version."""
    device = RawDevice(cloud)
    assert device.connect(**fields) == 0
    assert device.subscribe(UPGRADE, QUERY_REPLY) == [0, 0]
    if version is not None:
        device.report(version)
        device.ping()
    return device
