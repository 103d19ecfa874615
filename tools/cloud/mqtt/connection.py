"""One device's connection to the gateway, from its first byte to the close.

The rules are those of "MQTT protocol specifications" (30540) and "Limits" (30527). Whatever a
device sends, at worst its own connection is closed.
"""

from __future__ import annotations

import asyncio
import socket
from typing import cast

from tools.cloud.clock import Timer
from tools.cloud.identity import Identity
from tools.cloud.mqtt import packets, sign_in, topics
from tools.cloud.mqtt.sessions import Sessions
from tools.cloud.mqtt.sign_in import BadSignIn
from tools.cloud.mqtt.subscriptions import REFUSED, Subscriptions
from tools.cloud.mqtt.throttling import Messages, topic_fits
from tools.cloud.records import Message, SignedIn

# A CONNECT has to come within this time and size; afterwards the platform's 256 KB hold.
CONNECT_TIMEOUT_S = 10.0
CONNECT_BYTES = 8 * 1024
PACKET_BYTES = 256 * 1024
IN_FLIGHT = 100
# A device that does not read for so long that this much waits for it is dropped.
UNSENT_BYTES = 4 * 1024 * 1024
CUT_S = 0.05  # for the last bytes to leave


class Connection(asyncio.Protocol):
    """The gateway's end of one TCP or TLS connection. `identity` is None until signed in."""

    def __init__(self, sessions: Sessions[Connection], tls: bool) -> None:
        self._sessions = sessions
        context = sessions.context
        self._clock, self._records = context.clock, context.records
        self._faults, self._dialect, self._store = context.faults, context.dialect, context.store
        self.tls = tls
        self.identity: Identity | None = None
        self.client_id = ""
        self.closed_because = ""
        self._splitter = packets.Splitter(CONNECT_BYTES)
        self._transport: asyncio.Transport | None = None
        self._timer: Timer | None = None
        self._keepalive_s = 0
        self._heard = 0.0
        self._subscriptions = Subscriptions(context)
        self._in_flight: dict[int, Message] = {}
        self._last_id = 0
        self._stalled = False
        self._registered = False  # the answer is out: the device has to close now
        self._sent = Messages(context)

    # --- the socket ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sessions.connections.add(self)
        self._heard = self._clock.monotonic()
        self._timer = self._clock.call_later(CONNECT_TIMEOUT_S, self._check_silence)
        if self._sessions.dead:
            self.freeze()
        self._records.changed()

    def data_received(self, data: bytes) -> None:
        try:
            for packet in self._splitter.feed(data):
                self._handle(packet)
                if self._transport is None:
                    return
        except packets.Malformed as exc:
            who = self.identity or "a stranger"
            self._records.violation(who, "malformed packet", str(exc))
            self.close(f"malformed packet: {exc}")

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()

    def close(self, reason: str) -> None:
        """Close the connection; what was written to it is still sent."""
        if self._transport is not None:
            self.closed_because = reason
            transport = self._transport
            # A peer that does not read would keep a half-closed transport open for ever.
            if self._sessions.dead or self._stalled or transport.get_write_buffer_size():
                transport.abort()
            else:
                transport.close()
            self._forget()

    def _forget(self) -> None:
        if self._transport is not None:
            self._transport = None
            if self._timer is not None:
                self._timer.cancel()
            self._sessions.gone(self)

    def freeze(self) -> None:
        """Neither read nor answer from now on; the socket stays open."""
        if self._transport is not None and self._transport.is_reading():
            self._transport.pause_reading()

    def thaw(self) -> None:
        """Read and answer again."""
        self._heard = self._clock.monotonic()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def write(self, data: bytes) -> None:
        """Send bytes as they are (tests use this for packets no gateway would make)."""
        if self._transport is None or self._stalled or self._sessions.dead:
            return
        self._transport.write(data)
        if self._transport is not None and (
            self._transport.get_write_buffer_size() > UNSENT_BYTES
        ):
            self.close("does not read what it is sent")

    def cut(self, data: bytes) -> None:
        """Send these bytes as the last ones, without a good-bye (TLS would wait 30 s for one)."""
        self.write(data)
        self._stalled = True
        self._clock.call_later(CUT_S, lambda: self.close("cut in the middle of a message"))

    def _check_silence(self) -> None:
        allowed = self._keepalive_s * 1.5 if self.identity else CONNECT_TIMEOUT_S
        left = self._heard + allowed - self._clock.monotonic()
        if left > 0 or self._sessions.dead:
            self._timer = self._clock.call_later(max(left, 1.0), self._check_silence)
        elif self.identity is not None:
            self.close(f"silent for more than 1.5 x {self._keepalive_s} s of keep alive")
        else:
            self.close("no CONNECT came")

    # --- packets ---

    def _handle(self, packet: packets.Packet) -> None:
        self._heard = self._clock.monotonic()
        if self._registered:
            self.close("registered")
        elif self.identity is None:
            if packet.kind != packets.CONNECT:
                raise packets.Malformed("the first packet is not a CONNECT")
            self._on_connect(packets.read_connect(packet))
        elif packet.kind == packets.PUBLISH:
            self._on_publish(self.identity, packets.read_publish(packet))
        elif packet.kind == packets.SUBSCRIBE:
            self._on_subscribe(self.identity, *packets.read_subscribe(packet))
        elif packet.kind == packets.UNSUBSCRIBE:
            packet_id, filters = packets.read_unsubscribe(packet)
            for topic_filter in filters:
                self._subscriptions.unsubscribe(topic_filter)
            self.write(packets.unsuback(packet_id))
        elif packet.kind == packets.PUBACK:
            message = self._in_flight.pop(packets.read_ack(packet), None)
            if message is not None:
                message.acked = True
                self._records.changed()
        elif packet.kind == packets.PINGREQ:
            packets.read_empty(packet)
            if not self._faults.no_pingresp:
                self.write(packets.pingresp())
        elif packet.kind == packets.DISCONNECT:
            packets.read_empty(packet)
            self.close("signed off")
        else:
            raise packets.Malformed(f"a device may not send packet type {packet.kind} here")

    def _on_connect(self, connect: packets.Connect) -> None:
        who: object = connect.user_name or "a stranger"
        try:
            claim = sign_in.read(connect, tls=self.tls)
            who = claim.identity
            secret = self._store.secret(claim.identity)
            # Only known devices are counted: strangers must not fill the memory.
            if secret is not None and not self._sessions.sign_ins.take(claim.identity):
                self.close("too many CONNECTs within a minute")
                return
            if self._faults.connack_code is not None:
                raise BadSignIn(self._faults.connack_code, "refused by a fault")
            wrong_code = self._dialect.wrong_secret_code
            if claim.registers:
                self._register(claim, connect.password, wrong_code)
                return
            if claim.auth_type:
                self._sessions.registrar.check_token(claim, connect.password, wrong_code)
            else:
                sign_in.verify(claim, connect.password, secret, wrong_code)
        except BadSignIn as refusal:
            self._records.note("refused", who, f"CONNACK {refusal.code}: {refusal.reason}")
            self.write(packets.connack(refusal.code))
            self.close(refusal.reason)
            return
        self._signed_in(connect, claim)

    def _signed_in(self, connect: packets.Connect, claim: sign_in.SignIn) -> None:
        self.identity = claim.identity
        self.client_id = claim.client_id
        self._keepalive_s = connect.keepalive
        self._splitter.limit = PACKET_BYTES
        if claim.auto_subscribe:
            self._subscriptions.subscribe_all(claim.identity)
        self._store.activate(claim.identity, self._clock.time())
        self._sessions.signed_in(self, claim.identity)
        self._records.add(
            self._records.sign_ins,
            SignedIn(
                self._clock.time(),
                str(claim.identity),
                connect.client_id,
                connect.user_name or "",
                connect.level,
                connect.clean,
                connect.keepalive,
                self.tls,
            ),
        )
        self._check_again()
        self.write(packets.connack(packets.ACCEPTED))
        self._records.note(
            "online",
            claim.identity,
            f"signed in ({'TLS' if self.tls else 'plain'}, {claim.proof}, "
            f"keep alive {connect.keepalive} s)",
        )
        if self._sessions.service is not None:
            self._sessions.service.online(claim.identity)

    def _register(self, claim: sign_in.SignIn, password: str | None, wrong_code: int) -> None:
        known = self._store.secret(claim.identity) is not None
        topic, payload = self._sessions.registrar.register(claim, password, wrong_code)
        if not known:
            # It is a device now, and this was its first one.
            self._sessions.sign_ins.take(claim.identity)
        self._registered = True
        answer = packets.connack(packets.ACCEPTED)
        if self._faults.register_answer is not None:
            payload = self._faults.register_answer
        if not self._faults.no_register_answer:
            answer += packets.publish(topic, payload)
            # What is on the record may be printed: not the secret.
            self._sessions.record("down", claim.identity, topic, 0, b"(not recorded)", 0)
        self.write(answer)
        self._records.note("register", claim.identity, f"answered on {topic}")

    def _check_again(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._clock.call_later(self._keepalive_s * 1.5, self._check_silence)

    def _on_publish(self, identity: Identity, publish: packets.Publish) -> None:
        if publish.qos == 2 or publish.retain:
            what = "QoS 2" if publish.qos == 2 else "retain"
            self._records.violation(identity, what, "not supported by the platform")
            self.close(f"a message with {what}")
            return
        if not topic_fits(self._sessions.context, identity, publish.topic):
            self.close("a message to a topic that is too long")
            return
        if not topics.may_publish(publish.topic, identity):
            self._records.violation(identity, "foreign topic", f"a message to {publish.topic}")
            self.close("a message to a topic that is not its own")
            return
        if not self._sent.take(identity, publish.qos):
            return
        message = self._sessions.record(
            "up", identity, publish.topic, publish.qos, publish.payload, publish.packet_id
        )
        if publish.qos == 1 and not self._faults.no_puback:
            if self._faults.late_puback_s:
                self._clock.call_later(self._faults.late_puback_s, lambda: self._ack(message))
            else:
                self._ack(message)
        if self._sessions.service is not None:
            self._sessions.service.message(identity, publish.topic, publish.payload)

    def _ack(self, message: Message) -> None:
        if self._transport is not None:
            # Marked first: who has received the PUBACK may look at the record.
            message.acked = True
            self.write(packets.puback(message.packet_id))
            self._records.changed()

    def _on_subscribe(
        self, identity: Identity, packet_id: int, filters: list[tuple[str, int]]
    ) -> None:
        most = self._faults.filters_per_subscribe
        if most is not None and len(filters) > most:
            self._records.violation(
                identity, "filters", f"{len(filters)} filters in one SUBSCRIBE"
            )
            self.close(f"more than {most} filters in one SUBSCRIBE")
            return
        codes = [self._subscriptions.subscribe(identity, *one) for one in filters]
        self.write(packets.suback(packet_id, codes))
        self._records.changed()
        for (topic_filter, _), code in zip(filters, codes, strict=True):
            if code != REFUSED and self._sessions.service is not None:
                self._sessions.service.subscribed(identity, topic_filter)

    # --- towards the device ---

    def receives(self, topic: str) -> bool:
        """True when the device has subscribed to this topic."""
        return self._subscriptions.receives(topic)

    def deliver(self, topic: str, payload: bytes, qos: int, *, push: bool) -> bool:
        """Send a message with its publisher's QoS. False when too many are unacknowledged."""
        assert self.identity is not None
        if len(self._in_flight) >= IN_FLIGHT:
            self._records.note("lost", self.identity, f"{IN_FLIGHT} unacknowledged")
            return False
        for _ in range(1 + (self._faults.duplicate_push if push else 0)):
            packet_id = self._next_id() if qos else 0
            data = packets.publish(topic, payload, qos, packet_id)
            if push and self._faults.garbage > 0:
                self._faults.garbage -= 1
                self.write(b"\xf0\x02\x00\x00")
            message = self._sessions.record("down", self.identity, topic, qos, payload, packet_id)
            if qos:
                self._in_flight[packet_id] = message
            if push and self._faults.half_packet > 0:
                self._faults.half_packet -= 1
                self.write(data[: len(data) // 2])
                self._stalled = True
            else:
                self.write(data)
        return True

    def _next_id(self) -> int:
        while True:
            self._last_id = self._last_id % 65535 + 1
            if self._last_id not in self._in_flight:
                return self._last_id
