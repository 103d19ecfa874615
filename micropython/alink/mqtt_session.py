# One MQTT 3.1.1 session: sign-in, packets out, acknowledgements and their deadlines. MIT licence.
#
# Built on umqtt.simple (1.6 to 1.8), which makes the CONNECT; what comes after it is replaced,
# because there one half-sent packet blocks for ever, a message is read whole whatever its size,
# and a lost acknowledgement is waited for without end. RAM: see mqtt_reader.py, and each packet
# that is sent, while it is sent.

import errno
import time

from micropython import const
from umqtt.simple import MQTTClient, MQTTException

from . import errors, log, mqtt_reader
from .errors import AlinkError
from .mqtt_reader import PacketReader
from .wire import Wire

MAX_IN_FLIGHT = const(8)  # QoS 1 messages that may wait for their PUBACK

_CONNACK = {
    1: (errors.LINK, "CONNACK 1: the gateway does not speak MQTT 3.1.1"),
    2: (errors.REFUSED, "CONNACK 2: clientId rejected"),
    3: (errors.LINK, "CONNACK 3: service unavailable"),
    4: (errors.REFUSED, "CONNACK 4: user name or password"),
    5: (errors.REFUSED, "CONNACK 5: not authorised (also: keepalive, or secure= for this port)"),
}

_PID_MAX = const(65535)
_SKIPS_TOLD = const(8)  # topics whose skipped messages are logged, each once


class Session(MQTTClient):
    """A session over one connection at a time. All times are milliseconds.

    credentials: (client_id, user_name, password). owner: has `on_feed`, called while a write or
    the sign-in waits. max_message: bytes of payload; a longer message is skipped, not held.
    `reader` holds the packet found last.
    """

    def __init__(self, credentials, host, port, keepalive, owner, max_message, ack_ms, ping_ms):
        client_id, user, password = (text.encode() for text in credentials)
        # As umqtt's `ssl`, this object gets hold of the socket that umqtt made: see wrap_socket.
        super().__init__(client_id, host, port, user, password, keepalive, ssl=self)
        self.reader = PacketReader(max_message)
        self._owner = owner
        self._ack_ms = ack_ms
        self._ping_ms = ping_ms
        self._context = None
        self._wire = None
        self._told = set()
        self._in_flight = {}
        self._puback = bytearray(b"\x40\x02\0\0")
        self._forget()

    def _forget(self):
        self._pinged = False
        self._blocked = False
        self._ping_at = self._blocked_at = time.ticks_ms()
        self._in_flight.clear()
        # Packet ids go on from one connection to the next, so that an old one is never taken for
        # a new one: those issued on this connection are the `_issued` ones from `_first_pid` on.
        self._first_pid = self.pid % _PID_MAX + 1
        self._issued = 0

    # -- the connection

    def sign_in(self, timeout_ms, context=None):
        """Connect: DNS, TCP, TLS with `context` (a tls.SSLContext; None: plain), CONNECT, CONNACK.

        Blocks up to timeout_ms plus the name's resolution, which has no limit on the chip.
        Raises AlinkError for the gateway's answer (REFUSED, LINK, PROTOCOL), OSError, and
        ValueError for a certificate. The socket is closed then.
        """
        self.drop()
        self._context = context
        self._deadline = time.ticks_add(time.ticks_ms(), timeout_ms)
        try:
            self._connect(timeout_ms)
        except BaseException:
            self.drop()
            raise
        self._wire.settle()
        self._forget()
        self.reader.attach(self._wire.raw if context is None else self.sock)

    def _connect(self, timeout_ms):
        try:
            self.connect(True, timeout_ms / 1000)
        except MQTTException as exc:
            code = exc.args[0] if exc.args else 0
            known = _CONNACK.get(code)
            if known is None:
                known = (errors.PROTOCOL, "CONNACK %s: not an MQTT gateway?" % code)
            raise AlinkError(*known)
        except (IndexError, AssertionError):
            # How umqtt takes a connection that ends, or that answers in another language.
            raise AlinkError(errors.LINK, "no CONNACK: closed, or not an MQTT gateway")

    def wrap_socket(self, sock, server_hostname):
        """Called by umqtt's connect() with the connected socket -> what it shall talk to."""
        self._wire = Wire(sock, self._owner)
        spare = time.ticks_diff(self._deadline, time.ticks_ms())
        self._wire.allow(spare if spare > 0 else 0, True)
        if self._context is None:
            return self._wire
        return self._context.wrap_socket(self._wire, server_hostname=server_hostname)

    def drop(self):
        """Close the connection at once, as often as you like; everything in flight is lost."""
        sock = self.sock
        wire = self._wire
        self.sock = self._wire = None
        self._forget()
        self.reader.attach(None)
        for one in (sock, wire):
            if one is not None:
                try:
                    one.close()
                except (OSError, ValueError) as exc:
                    log.debug("closing the connection:", repr(exc))

    def disconnect(self):
        """Say good-bye (DISCONNECT) and close."""
        if self.sock is not None:
            try:
                self._send(b"\xe0\0")
            except (OSError, ValueError) as exc:
                log.debug("disconnecting:", repr(exc))
        self.drop()

    # -- out: each packet is one buffer and one write, complete or the link is given up

    def _send(self, packet):
        wire = self._wire
        if wire is None:
            raise OSError(errno.ENOTCONN)
        wire.allow(self._ack_ms)
        sent = self.sock.write(packet)
        wire.settle()
        if sent != len(packet):
            raise OSError(-sent if sent and sent < 0 else errno.ETIMEDOUT)

    def publish(self, topic, payload, retain=False, qos=0):
        """Send a message (topic, payload: bytes) -> packet id, 0 for QoS 0; see acked().

        Waits for room in the socket, up to ack_ms, never for the PUBACK. Raises OSError, and
        AlinkError(LINK) while MAX_IN_FLIGHT messages wait for theirs.
        """
        if qos and len(self._in_flight) >= MAX_IN_FLIGHT:
            raise AlinkError(errors.LINK, "%d messages wait for their PUBACK" % MAX_IN_FLIGHT)
        size = 2 + len(topic) + (2 if qos else 0) + len(payload)
        packet, i = _packet(0x30 | qos << 1 | (1 if retain else 0), size)
        i = _put_text(packet, i, topic)
        pid = 0
        if qos:
            pid = self._next_pid()
            i = _put_16(packet, i, pid)
        packet[i:] = payload
        self._send(packet)
        if qos:
            self._in_flight[pid] = time.ticks_ms()
        return pid

    def acked(self, pid):
        """Whether the PUBACK of this connection's packet id `pid` has come."""
        issued = (pid - self._first_pid) % _PID_MAX < self._issued
        return pid > 0 and issued and pid not in self._in_flight

    def subscribe_all(self, filters):
        """Send one SUBSCRIBE for [(filter as bytes, qos), ...] -> packet id. Raises OSError."""
        size = 2
        for name, _ in filters:
            size += 3 + len(name)
        packet, i = _packet(0x82, size)
        pid = self._next_pid()
        i = _put_16(packet, i, pid)
        for name, qos in filters:
            i = _put_text(packet, i, name)
            packet[i] = qos
            i += 1
        self._send(packet)
        return pid

    def puback(self, pid):
        """Acknowledge the QoS 1 message `pid`. Raises OSError."""
        self._puback[2] = pid >> 8
        self._puback[3] = pid & 0xFF
        self._send(self._puback)

    def ping(self):
        """Send a PINGREQ now; check_deadlines() then wants a PINGRESP within ack_ms."""
        self._send(b"\xc0\0")
        self._pinged = True
        self._ping_at = time.ticks_ms()

    def ping_is_due(self, now):
        """Whether ping_ms have passed since the last PINGREQ, and that one was answered."""
        return not self._pinged and time.ticks_diff(now, self._ping_at) >= self._ping_ms

    def _next_pid(self):
        while True:
            self.pid = self.pid % _PID_MAX + 1
            self._issued = min(self._issued + 1, _PID_MAX)
            if self.pid not in self._in_flight:
                return self.pid

    # -- in

    def check_msg(self):
        """Take what has arrived, up to one packet or 8 KiB -> a constant of mqtt_reader.

        Never waits for input. Acknowledges what it skips, or the platform would send it again
        for ever; a MESSAGE is the caller's to acknowledge. Raises as PacketReader.read() does.
        """
        reader = self.reader
        found = reader.read()
        if found <= mqtt_reader.PART and reader.busy:
            self._blocked = True
            self._blocked_at = time.ticks_ms()
        elif found == mqtt_reader.PUBACK:
            self._in_flight.pop(reader.pid, None)
        elif found == mqtt_reader.PINGRESP:
            self._pinged = False
        elif found == mqtt_reader.SKIPPED:
            # (A streamed one answers a question that is settled by now.)
            new = not reader.streamed and reader.topic not in self._told
            if new and len(self._told) < _SKIPS_TOLD:
                self._told.add(reader.topic)
                log.info("message skipped, too large for max_message; topic", reader.topic)
            if reader.pid:
                self.puback(reader.pid)
        return found

    wait_msg = check_msg

    def stream_into(self, buf, n):
        """As PacketReader.stream_into(); acknowledges the message with its last byte."""
        reader = self.reader
        count = reader.stream_into(buf, n)
        if count and reader.pid and not reader.busy:
            self.puback(reader.pid)
        return count

    def send_prepared(self, packet):
        """Send a whole packet (bytes-like) as it is; allocates nothing. Raises OSError."""
        self._send(packet)

    def check_deadlines(self, now):
        """Raise AlinkError(TIMEOUT) when an answer or the rest of a packet is overdue.

        Call it after check_msg() found nothing: what has arrived is not late.
        """
        reader = self.reader
        if reader.busy:
            # Answers may stand behind this packet, so only its own progress counts.
            if time.ticks_diff(now, reader.heard_at) > self._ping_ms:
                raise AlinkError(errors.TIMEOUT, "half a packet, and nothing after it")
            if time.ticks_diff(now, reader.began_at) > self.keepalive * 1000:
                raise AlinkError(errors.TIMEOUT, "one packet took longer than the keep-alive")
            return
        if self._blocked:
            # A long packet has just ended: what stood behind it gets its full time again.
            if time.ticks_diff(now, self._blocked_at) <= self._ack_ms:
                return
            self._blocked = False
        if self._pinged and time.ticks_diff(now, self._ping_at) > self._ack_ms:
            raise AlinkError(errors.TIMEOUT, "no PINGRESP")
        for pid in self._in_flight:
            if time.ticks_diff(now, self._in_flight[pid]) > self._ack_ms:
                raise AlinkError(errors.TIMEOUT, "no PUBACK")


def prepared(topic, payload):
    """A PUBLISH of QoS 0 (topic, payload: bytes), to be sent more than once -> bytearray."""
    packet, i = _packet(0x30, 2 + len(topic) + len(payload))
    i = _put_text(packet, i, topic)
    packet[i:] = payload
    return packet


def _packet(op, size):
    # A buffer for a packet with `size` bytes behind its fixed header -> (buffer, where they start)
    digits = 1
    rest = size >> 7
    while rest:
        digits += 1
        rest >>= 7
    if digits > 4:
        raise ValueError("a message of %d bytes does not fit into an MQTT packet" % size)
    packet = bytearray(1 + digits + size)
    packet[0] = op
    for i in range(1, digits + 1):
        packet[i] = (size & 0x7F) | (0x80 if i < digits else 0)
        size >>= 7
    return packet, 1 + digits


def _put_16(packet, i, number):
    packet[i] = number >> 8
    packet[i + 1] = number & 0xFF
    return i + 2


def _put_text(packet, i, text):
    i = _put_16(packet, i, len(text))
    packet[i : i + len(text)] = text
    return i + len(text)
