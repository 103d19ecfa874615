# A scripted socket, and the least of a gateway behind it. MIT licence.
#
# They stand in for the module `socket` in alink and umqtt, and clock_fakes.py for `time`, so that
# minutes pass at once, ticks wrap as on the chip, and a packet can stop at any byte.

import sys

import umqtt.simple
from alink import device, log, session
from alink.errors import AlinkError
from clock_fakes import Clock

packets = sys.modules.get("alink.bytecode") or sys.modules["alink.packets"]

_EAGAIN_READS = 2  # how often a fake socket says "nothing yet" in a row before time has to pass


class Socket:
    """Non-blocking once told so; `incoming` is what has arrived, `sent` what was written."""

    def __init__(self, net):
        self.net = net
        self.incoming = bytearray()
        self.sent = bytearray()
        self.piece = 1 << 20  # at most so many bytes a read
        self.room = 1 << 20  # so many bytes may still be written
        self.closed = 0
        self.eof = False
        self.error = None  # raised by the next read
        self.nodelay = False
        self.timeout = None

    def settimeout(self, timeout):
        self.timeout = timeout

    def setblocking(self, flag):
        self.timeout = None if flag else 0

    def setsockopt(self, level, option, value):
        self.nodelay = (level, option, value) == (6, 1, 1)

    def connect(self, address):
        self.net.connects.append(self.net.clock.total)
        if self.net.refuse:
            raise OSError(self.net.refuse)

    def readinto(self, buf, n=-1):
        assert not self.closed
        assert self.timeout == 0, "a read that could block for ever"
        if self.error is not None:
            error = self.error
            self.error = None
            raise error
        if n < 0:
            n = len(buf)
        n = min(n, len(self.incoming), self.piece)
        if n == 0:
            return 0 if self.eof else None
        buf[:n] = self.incoming[:n]
        self.incoming = self.incoming[n:]
        return n

    def write(self, buf, off=0, n=-1):
        assert not self.closed
        assert self.timeout == 0, "a write that could block for ever"
        if n < 0:
            n = len(buf) - off
        n = min(n, self.room)
        if n == 0:
            return None
        self.room -= n
        self.sent += buf[off : off + n]
        self.net.gateway.written(self)
        return n

    def close(self):
        self.closed += 1


class Gateway:
    """Answers each packet of the client; what it shall not answer is switched off."""

    def __init__(self):
        self.connack = b"\x20\x02\0\0"  # None: silence
        self.suback = 0  # code for each filter; None: silence
        self.refused = ()  # filters answered with 0x80
        self.puback = True
        self.pingresp = True
        self.packets = []  # (type byte, body) of all connections
        self.filters = []

    def written(self, sock):
        while True:
            packet = take_packet(sock.sent)
            if packet is None:
                return
            op, body, size = packet
            sock.sent = sock.sent[size:]
            self.packets.append((op, body))
            kind = op & 0xF0
            if kind == 0x10 and self.connack is not None:
                sock.incoming += self.connack
            elif kind == 0x30 and op & 6 and self.puback:
                at = 2 + (body[0] << 8 | body[1])
                sock.incoming += b"\x40\x02" + body[at : at + 2]
            elif kind == 0x80:
                self._subscribed(sock, body)
            elif kind == 0xC0 and self.pingresp:
                sock.incoming += b"\xd0\0"

    def _subscribed(self, sock, body):
        names = []
        at = 2
        while at < len(body):
            size = body[at] << 8 | body[at + 1]
            names.append(body[at + 2 : at + 2 + size].decode())
            at += 3 + size
        self.filters.append(names)
        if self.suback is not None:
            codes = bytes([0x80 if name in self.refused else self.suback for name in names])
            sock.incoming += b"\x90" + bytes([2 + len(codes)]) + body[:2] + codes

    def of_type(self, kind):
        """Bodies of the packets of one type, e.g. 0x30."""
        return [body for op, body in self.packets if op & 0xF0 == kind]


class Net:
    """Stands in for the module `socket`."""

    def __init__(self, clock):
        self.clock = clock
        self.gateway = Gateway()
        self.sockets = []
        self.connects = []  # when, in ms
        self.refuse = 0  # errno of connect()
        self.no_name = False
        self.on_socket = None

    def socket(self, *args):
        sock = Socket(self)
        if self.on_socket is not None:
            self.on_socket(sock)
        self.sockets.append(sock)
        return sock

    def getaddrinfo(self, host, port, *args):
        if self.no_name:
            raise OSError(-202)
        return [(2, 1, 0, "", (host, port))]

    @property
    def last(self):
        return self.sockets[-1]


def world(ticks=1000):
    """-> (clock, net), put in place of `time` and `socket`; the log is kept in net.log."""
    clock = Clock(ticks)
    net = Net(clock)
    sys.modules["time"] = clock  # for what is loaded later, and let go
    for module in (device, packets, session):
        module.time = clock
    umqtt.simple.socket = net
    net.log = []
    log.print = lambda *words: net.log.append(" ".join([str(word) for word in words]))
    return clock, net


def make(**changed):
    """A Device on plain TCP with the running example's names."""
    args = {
        "product_key": "a1B2c3D4e5F",
        "device_name": "greenhouse_07",
        "device_secret": "0123456789abcdef0123456789abcdef",
        "host": "gateway.example",
        "secure": False,
    }
    args.update(changed)
    return device.Device(**args)


def turn(dev, clock, ms, step=50):
    """Poll for `ms` of the fake time."""
    end = clock.total + ms
    while clock.total < end:
        dev.poll()
        clock.sleep_ms(step)


def up(clock, **changed):
    """A signed-in Device."""
    dev = make(**changed)
    dev.connect()
    assert dev.connected
    return dev


def publish_packet(topic, payload, qos=0, pid=0):
    """A PUBLISH as the gateway sends it."""
    topic = topic.encode()
    body = bytes([len(topic) >> 8, len(topic) & 255]) + topic
    if qos:
        body += bytes([pid >> 8, pid & 255])
    return packet(0x30 | qos << 1, body + payload)


def packet(op, body):
    """Any MQTT packet."""
    head = bytearray([op])
    size = len(body)
    while True:
        head.append(size & 127 | (128 if size > 127 else 0))
        size >>= 7
        if not size:
            return bytes(head) + body


def take_packet(data):
    """-> (type byte, body, bytes it takes) of the first whole packet in data, or None."""
    size = shift = 0
    at = 1
    while True:
        if at >= len(data):
            return None
        size |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 128:
            break
    if len(data) < at + size:
        return None
    return data[0], bytes(data[at : at + size]), at + size


def failure(act):
    """The AlinkError that act() raises."""
    try:
        act()
    except AlinkError as exc:
        return exc
    raise AssertionError("no AlinkError")


def listening(clock, **changed):
    """-> a signed-in Device that is subscribed to everything, and what its handler gets (list)."""
    dev = up(clock, **changed)
    got = []
    dev.subscribe("#", lambda topic, payload: got.append((topic, payload)))
    turn(dev, clock, 200)
    return dev, got
