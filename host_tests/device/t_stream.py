# A topic whose messages are read piece by piece, without a heap. MIT licence.

import micropython
from alink import errors
from alink.job import blocks_bad, blocks_rest
from alink.job.blocks import MqttSource
from alink.session import packets
from block_fakes import left
from mqtt_fakes import make, publish_packet, turn, up, world

NAME = "/sys/a1B2c3D4e5F/greenhouse_07/thing/file/download_reply"


class Stream(MqttSource):
    """The messages on a topic of a Device, as far as an MqttSource knows them by itself."""

    def __init__(self, device, topic):
        super().__init__(device)
        blocks_rest.attend(self, topic)

    @property
    def ready(self):
        return self.device.connected and not self.device._signing

    @property
    def refused(self):
        return self.entry[2] > 1

    @property
    def left(self):
        return left(self.device)

    def claim(self):
        # As MqttSource does in front of a request.
        link = self.device._link
        if link is not None:
            topic = self.entry[0]
            if link.stream is not topic:
                link.stream = topic
                link.view = memoryview(link.buf)[: len(topic)]
            link.claimed = True
            self.session = self.device.session

    def release(self):
        link = self.device._link
        if link is not None:
            link.claimed = False
            link.left = -abs(link.left)

    # As blocks_move.py sends and reads; what comes of it is blocks_bad.py's own.

    def send(self, packet):
        link = self.device._link
        if link is None:
            return False
        link.send(packet, len(packet))
        return True

    def exchange(self, buf, n):
        link = self.device._link
        if link is None or link.left <= 0:
            return None
        try:
            count = link.sock.readinto(buf, min(n, link.left))
        except Exception as exc:
            return blocks_bad.broken(self, exc)
        if count == 0:
            return blocks_bad.fault(self, 0)
        link.left -= count or 0
        return count


def _scene(**changed):
    clock, net = world()
    dev = up(clock, **changed)
    stream = Stream(dev, NAME)
    assert not stream.ready, "not subscribed yet"
    turn(dev, clock, 200)
    assert stream.ready
    return clock, net, dev, stream


def _body(size):
    return bytes([(i * 31 + (i >> 8)) & 255 for i in range(size)])


def _read(dev, stream, size, piece=300):
    # All of a message's payload, as far as it is there.
    buf = bytearray(piece)
    got = b""
    while len(got) < size:
        n = stream.exchange(buf, piece)
        if n is None:
            break
        got += buf[:n]
    return got


def test_a_claimed_message_is_read_in_pieces_and_the_next_packet_stands_behind_it():
    for qos in (0, 1):
        for piece in (1, 7, 256, 100000):
            clock, net, dev, stream = _scene(max_message=100)
            got = []
            dev.subscribe("/a", lambda topic, payload, got=got: got.append(payload))
            turn(dev, clock, 200)
            assert stream.left == -1
            assert stream.exchange(bytearray(8), 8) is None
            stream.claim()
            net.last.piece = piece
            body = _body(5000)
            net.last.incoming += publish_packet(NAME, body, qos, 9) + publish_packet("/a", b"x")
            for _ in range(20):
                dev.poll()
            assert stream.left == 5000, (qos, piece, stream.left)
            assert got == []
            assert _read(dev, stream, 5000) == body
            assert stream.left == -1
            turn(dev, clock, 1000)
            assert got == [b"x"]
            assert net.gateway.of_type(0x40) == [b"\0\x09"] * qos
            assert len(net.sockets) == 1


def test_nothing_is_allocated_for_the_pieces_nor_for_the_polls_between_them():
    _, _, dev, stream = _scene()
    packet = blocks_rest.prepare("/q", b"0123456789")
    assert bytes(packet) == b"\x30\x0e\0\x02/q0123456789"
    buf = bytearray(256)
    head = publish_packet(NAME, _body(1000), 1, 7)
    stream.claim()
    link = dev._link
    link.sock = link.raw = _Taped(head * 4)
    link.recv = packets(link, (10000, 60000, 300000, 8192))
    dev.poll()
    micropython.heap_lock()
    try:
        for _ in range(4):
            stream.claim()
            packet[-1] = 49
            assert stream.send(packet)
            left = 1000
            turns = 0
            while left:
                dev.poll()
                n = stream.exchange(buf, 256)
                left -= n or 0
                turns += 1
                assert turns < 5000
            stream.release()
            dev.poll()
    finally:
        micropython.heap_unlock()
    assert dev.connected


class _Taped:
    # A socket without a heap: `tape` comes in odd pieces, what is written vanishes.
    def __init__(self, tape):
        self.tape = tape
        self.at = 0
        self.turn = 0

    def readinto(self, buf, n):
        self.turn += 1
        n = min(n, self.turn % 5, len(self.tape) - self.at)
        if n == 0:
            return None
        for i in range(n):
            buf[i] = self.tape[self.at + i]
        self.at += n
        return n

    def write(self, buf, off, n):
        return n

    def close(self):
        pass


def test_an_unclaimed_message_is_read_past_and_acknowledged():
    clock, net, dev, stream = _scene()
    stream.claim()
    stream.release()
    net.last.incoming += publish_packet(NAME, _body(3000), 1, 9)
    turn(dev, clock, 500)
    assert stream.left == -1
    assert net.gateway.of_type(0x40) == [b"\0\x09"]
    assert not [line for line in net.log if "skipped" in line], "it is no loss"


def test_the_rest_of_a_released_message_is_read_past_and_the_next_one_taken():
    clock, net, dev, stream = _scene()
    stream.claim()
    net.last.incoming += publish_packet(NAME, _body(3000)) + publish_packet(NAME, b"second")
    turn(dev, clock, 200)
    assert stream.left == 3000
    assert stream.exchange(bytearray(100), 100) == 100
    stream.release()
    stream.claim()
    assert stream.left == -1
    turn(dev, clock, 500)
    assert stream.left == 6
    assert _read(dev, stream, 6) == b"second"


def test_a_refused_topic_does_not_end_the_session():
    clock, net = world()
    net.gateway.refused = (NAME,)
    dev = up(clock)
    stream = Stream(dev, NAME)
    turn(dev, clock, 200)
    assert dev.connected
    assert stream.ready
    assert stream.refused
    net.gateway.refused = ()
    net.last.eof = True
    turn(dev, clock, 4000)
    assert dev.session == 2
    assert not stream.refused, "asked for again in each session"


def test_a_link_that_breaks_shows_in_connected():
    for error in (OSError(104), MemoryError(), ValueError("TLS"), None):
        clock, net, dev, stream = _scene()
        stream.claim()
        net.last.incoming += publish_packet(NAME, _body(3000))[:2000]
        turn(dev, clock, 200)
        assert stream.left == 3000
        while stream.exchange(bytearray(500), 500):
            pass
        if error is None:
            net.last.eof = True
        else:
            net.last.error = error
        assert stream.exchange(bytearray(500), 500) is None
        assert not dev.connected
        assert stream.left == -1
        assert not stream.send(blocks_rest.prepare("/q", b""))
        if isinstance(error, MemoryError):
            assert dev.error.code == errors.NO_MEMORY
        turn(dev, clock, 4000)
        assert dev.connected
        assert dev.session == 2
        assert stream.left == -1


def test_a_stalled_block_ends_the_session():
    clock, net, dev, stream = _scene()
    stream.claim()
    net.last.incoming += publish_packet(NAME, _body(3000))[:2000]
    net.gateway.pingresp = True
    turn(dev, clock, 59000, 500)
    assert dev.connected
    stream.exchange(bytearray(100), 100)
    turn(dev, clock, 59000, 500)
    assert dev.connected, "it moved meanwhile"
    turn(dev, clock, 3000, 500)
    assert net.sockets[0].closed


def test_a_closed_stream_is_not_subscribed_to_in_the_next_session():
    clock, net, dev, stream = _scene()
    stream.close()
    again = Stream(dev, NAME)
    turn(dev, clock, 200)
    assert again.ready
    again.close()
    before = len(net.gateway.filters)
    net.last.eof = True
    turn(dev, clock, 4000)
    assert dev.connected
    assert len(net.gateway.filters) == before


def test_a_device_that_is_off_has_no_stream():
    world()
    dev = make()
    stream = Stream(dev, NAME)
    stream.claim()
    stream.release()
    assert not stream.ready
    assert not stream.refused
    assert stream.exchange(bytearray(1), 1) is None
    stream.close()
