# A stand-in for micropython-lib's umqtt.simple 1.7: same names, same bytes, same hazards.
# MIT licence.
#
# Stock ESP32 firmware has the real one frozen in. Client code that works around its weaknesses
# has to meet them here too, so they are kept on purpose: connect() leaves an old socket open;
# waiting makes the socket blocking for ever; a message is read in one piece however long;
# packets other than PUBLISH and PINGRESP are left in the stream; packet ids do not wrap;
# a subscription's length is one byte; QoS 1 calls wait without a limit.

import socket
import struct

_CONNACK = 0x20
_PUBACK = 0x40
_SUBACK = 0x90
_UNSUBACK = 0xB0
_PINGRESP = 0xD0


class MQTTException(Exception):
    """args[0]: return code of CONNACK, or 0x80 of a refused subscription."""


def _put_length(packet, n):
    # Remaining Length from packet[1] on; returns the bytes of packet in use.
    at = 1
    while True:
        packet[at] = n & 0x7F
        n >>= 7
        if not n:
            return at + 1
        packet[at] |= 0x80
        at += 1


class MQTTClient:
    """One connection to an MQTT 3.1.1 server."""

    def __init__(
        self,
        client_id,
        server,
        port=0,
        user=None,
        password=None,
        keepalive=0,
        ssl=None,
        ssl_params={},  # noqa: B006 (so has the real one)
    ):
        self.client_id = client_id
        self.server = server
        self.port = port or (8883 if ssl else 1883)
        self.user = user
        self.pswd = password
        self.keepalive = keepalive
        self.ssl = ssl
        self.ssl_params = ssl_params
        self.sock = None
        self.cb = None
        self.pid = 0
        self.lw_topic = None
        self.lw_msg = None
        self.lw_qos = 0
        self.lw_retain = False

    def _send_str(self, s):
        self.sock.write(struct.pack("!H", len(s)))
        self.sock.write(s)

    def _recv_len(self):
        n = shift = 0
        while True:
            byte = self.sock.read(1)[0]
            n |= (byte & 0x7F) << shift
            if byte < 0x80:
                return n
            shift += 7

    def _recv_short(self):
        two = self.sock.read(2)
        return two[0] << 8 | two[1]

    def set_callback(self, f):
        """f(topic, msg) gets every message, as bytes."""
        self.cb = f

    def set_last_will(self, topic, msg, retain=False, qos=0):
        assert 0 <= qos <= 2
        assert topic
        self.lw_topic = topic
        self.lw_msg = msg
        self.lw_retain = retain
        self.lw_qos = qos

    def connect(self, clean_session=True, timeout=None):
        """Connect and sign in; returns the session-present bit. timeout: s, None for ever."""
        self._tcp = socket.socket()
        self.sock = self._tcp
        self.sock.settimeout(timeout)
        self.sock.connect(socket.getaddrinfo(self.server, self.port)[0][-1])
        if self.ssl is True:
            import ssl

            self.sock = ssl.wrap_socket(self.sock, **self.ssl_params)
        elif self.ssl:
            self.sock = self.ssl.wrap_socket(self.sock, server_hostname=self.server)

        fields = [self.client_id]
        flags = 2 if clean_session else 0
        if self.lw_topic:
            flags |= 4 | (self.lw_qos & 3) << 3 | (0x20 if self.lw_retain else 0)
            fields += [self.lw_topic, self.lw_msg]
        if self.user:
            flags |= 0xC0
            fields += [self.user, self.pswd]
        assert self.keepalive < 65536
        head = bytearray(b"\x10\0\0\0\0\0")
        used = _put_length(head, 10 + sum([2 + len(field) for field in fields]))
        self.sock.write(head, used)
        self.sock.write(struct.pack("!H4sBBH", 4, b"MQTT", 4, flags, self.keepalive or 0))
        for field in fields:
            self._send_str(field)
        answer = self.sock.read(4)
        assert answer[0] == _CONNACK
        assert answer[1] == 2
        if answer[3]:
            raise MQTTException(answer[3])
        return answer[2] & 1

    def disconnect(self):
        self.sock.write(b"\xe0\0")
        self.sock.close()

    def ping(self):
        self.sock.write(b"\xc0\0")

    def publish(self, topic, msg, retain=False, qos=0):
        """Send a message; with qos=1 wait for its acknowledgement."""
        head = bytearray(b"\x30\0\0\0\0")
        head[0] |= qos << 1 | (1 if retain else 0)
        size = 2 + len(topic) + len(msg) + (2 if qos else 0)
        assert size < 2097152
        self.sock.write(head, _put_length(head, size))
        self._send_str(topic)
        if qos:
            self.pid += 1
            pid = self.pid
            struct.pack_into("!H", head, 0, pid & 0xFFFF)
            self.sock.write(head, 2)
        self.sock.write(msg)
        if qos == 1:
            while True:
                if self.wait_msg() == _PUBACK:
                    assert self.sock.read(1) == b"\x02"
                    if self._recv_short() == pid:
                        return
        assert qos != 2

    def _ask(self, kind, topic, extra):
        # The head of (UN)SUBSCRIBE: its length is one byte, so long topics come out malformed.
        packet = bytearray(4)
        self.pid += 1
        packet[0] = kind
        packet[1] = (2 + 2 + len(topic) + extra) & 0xFF
        struct.pack_into("!H", packet, 2, self.pid & 0xFFFF)
        self.sock.write(packet)
        self._send_str(topic)
        return packet

    def subscribe(self, topic, qos=0):
        """Subscribe and wait for the answer; MQTTException(0x80) when it is refused."""
        assert self.cb is not None, "Subscribe callback is not set"
        packet = self._ask(0x82, topic, 1)
        self.sock.write(bytes((qos,)))
        while True:
            if self.wait_msg() == _SUBACK:
                answer = self.sock.read(4)
                assert answer[1:3] == packet[2:]
                if answer[3] == 0x80:
                    raise MQTTException(answer[3])
                return

    def unsubscribe(self, topic):
        packet = self._ask(0xA2, topic, 0)
        while True:
            if self.wait_msg() == _UNSUBACK:
                answer = self.sock.read(3)
                assert answer[1:3] == packet[2:]
                return

    def wait_msg(self):
        """Wait for one packet; a message goes to the callback. Returns the packet's first byte,
        None for a ping's answer or (after check_msg) when there is nothing."""
        first = self.sock.read(1)
        self.sock.setblocking(True)
        if self._tcp is not None:
            self._tcp.settimeout(None)  # what setblocking(True) does on the chip, and not here
        if first is None:
            return None
        if first == b"":
            raise OSError(-1)
        op = first[0]
        if op == _PINGRESP:
            assert self.sock.read(1)[0] == 0
            return None
        if op & 0xF0 != 0x30:
            return op
        size = self._recv_len()
        topic_length = self._recv_short()
        topic = self.sock.read(topic_length)
        size -= 2 + topic_length
        if op & 6:
            pid = self._recv_short()
            size -= 2
        msg = self.sock.read(size)
        self.cb(topic, msg)
        if op & 6 == 2:
            self.sock.write(struct.pack("!BBH", _PUBACK, 2, pid))
        assert op & 6 != 4
        return op

    def check_msg(self):
        """As wait_msg, but returns None at once when nothing has arrived."""
        self.sock.setblocking(False)
        return self.wait_msg()

    # The plain socket under `sock`; None where a test or a subclass sets `sock` itself.
    _tcp = None
