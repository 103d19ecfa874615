# The sim's umqtt.simple: the bytes it sends, and the hazards it shares with the real one.
# MIT licence.

from umqtt.simple import MQTTClient, MQTTException


class Wire:
    """A socket that records what is written and plays back what is to be read."""

    def __init__(self, incoming=b""):
        self.sent = b""
        self.incoming = incoming
        self.blocking = True

    def write(self, data, n=None):
        data = data.encode() if isinstance(data, str) else bytes(data)
        self.sent += data if n is None else data[:n]

    def read(self, n):
        if not self.blocking and not self.incoming:
            return None
        part, self.incoming = self.incoming[:n], self.incoming[n:]
        return part

    def setblocking(self, on):
        self.blocking = on

    def close(self):
        self.closed = True


def client(incoming=b"", **settings):
    c = MQTTClient("dev", "host", **settings)
    c.sock = Wire(incoming)
    c.got = []
    c.set_callback(lambda topic, msg: c.got.append((topic, msg)))
    return c


def test_connect_sends_sign_in_will_and_keepalive():
    import umqtt.simple as module

    wire = Wire(b"\x20\x02\x01\x00")

    class FakeSocket:
        def socket(self):
            wire.settimeout = lambda seconds: setattr(wire, "timeout", seconds)
            wire.connect = lambda address: setattr(wire, "address", address)
            return wire

        def getaddrinfo(self, host, port):
            return [(2, 1, 6, "", (host, port))]

    module.socket = FakeSocket()
    c = MQTTClient("dev", "host", user="me", password="pw", keepalive=300)
    c.set_last_will("w", "x", retain=True, qos=1)
    assert c.connect(timeout=7) == 1
    assert wire.timeout == 7
    assert wire.address == ("host", 1883)
    assert wire.sent == (
        b"\x10\x1d\x00\x04MQTT\x04\xee\x01\x2c\x00\x03dev\x00\x01w\x00\x01x\x00\x02me\x00\x02pw"
    )
    wire.incoming = b"\x20\x02\x00\x05"
    try:
        c.connect()
    except MQTTException as e:
        assert e.args == (5,)
    else:
        raise AssertionError
    wire.incoming = b""
    try:
        c.connect()
    except IndexError:
        pass
    else:
        raise AssertionError


def test_publish_of_long_messages_and_qos_1_waits_for_its_own_ack():
    c = client(b"\x40\x02\x00\x07\x40\x02\x00\x01")
    c.publish("t", b"m" * 200, retain=True, qos=1)
    assert c.sock.sent == b"\x33\xcd\x01\x00\x01t\x00\x01" + b"m" * 200
    assert c.pid == 1
    assert c.sock.incoming == b""


def test_the_packet_id_does_not_wrap():
    c = client(b"\x40\x02\x00\x00")
    c.pid = 65535
    try:
        c.publish("t", b"", qos=1)
    except OSError as e:
        assert e.args == (-1,)  # it went on waiting, until the stream ended
    else:
        raise AssertionError


def test_subscribe_takes_messages_that_come_before_its_answer():
    c = client(b"\x30\x05\x00\x01ahi" + b"\x90\x03\x00\x01\x00")
    c.subscribe("topic", 1)
    assert c.sock.sent == b"\x82\x0a\x00\x01\x00\x05topic\x01"
    assert c.got == [(b"a", b"hi")]
    c.sock.incoming = b"\x90\x03\x00\x02\x80"
    try:
        c.subscribe("topic")
    except MQTTException as e:
        assert e.args == (0x80,)
    else:
        raise AssertionError


def test_a_topic_of_123_bytes_makes_a_malformed_subscription():
    c = client(b"\x90\x03\x00\x01\x00")
    c.subscribe("t" * 123)
    assert c.sock.sent[1] == 0x80


def test_qos_1_is_acknowledged_only_after_the_callback():
    c = client(b"\x32\x07\x00\x01a\x00\x09hi")

    def fail(topic, msg):
        raise ValueError("boom")

    c.set_callback(fail)
    try:
        c.check_msg()
    except ValueError:
        assert c.sock.sent == b""
    c.sock.incoming = b"\x32\x07\x00\x01a\x00\x09hi"
    c.set_callback(lambda topic, msg: None)
    c.check_msg()
    assert c.sock.sent == b"\x40\x02\x00\x09"


def test_check_msg_leaves_the_socket_blocking_and_other_packets_in_the_stream():
    c = client()
    assert c.check_msg() is None
    assert c.sock.blocking
    c.sock.incoming = b"\xd0\x00"
    assert c.check_msg() is None
    c.sock.incoming = b"\x40\x02\x00\x01"
    assert c.check_msg() == 0x40
    assert c.sock.incoming == b"\x02\x00\x01"


def test_unsubscribe_ping_and_disconnect():
    c = client(b"\xb0\x02\x00\x01")
    c.unsubscribe("ab")
    c.ping()
    c.disconnect()
    assert c.sock.sent == b"\xa2\x06\x00\x01\x00\x02ab" + b"\xc0\x00" + b"\xe0\x00"
    assert c.sock.closed
