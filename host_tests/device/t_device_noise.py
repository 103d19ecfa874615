# What comes in and is no message: of no use, malformed, noise, errors. MIT licence.

import random

from alink import errors
from mqtt_fakes import listening, packet, publish_packet, turn, world


def test_packets_of_no_use_are_read_past_whole():
    clock, net = world()
    dev, got = listening(clock)
    for op in (0x20, 0x40, 0x50, 0x60, 0x70, 0x90, 0xB0, 0xC0, 0xD0, 0xF0):
        for body in (b"", b"\x30\x03", b"\x30\x03\x00\x01", bytes(2000)):
            if op in (0x40, 0x90) and body == b"":
                continue
            net.last.incoming += packet(op, body) + publish_packet("/a", b"after")
            turn(dev, clock, 300)
            assert got == [("/a", b"after")], (op, body, dev.error)
            got.clear()
    assert len(net.sockets) == 1


def test_a_qos_2_message_is_read_past_and_not_answered_wrongly():
    clock, net = world()
    dev, got = listening(clock)
    net.last.incoming += publish_packet("/a", b"x", 2, 7) + publish_packet("/a", b"after")
    turn(dev, clock, 300)
    assert got == [("/a", b"after")]
    assert net.gateway.of_type(0x40) == []


def test_malformed_input_becomes_a_lost_link_and_never_an_exception():
    malformed = (
        b"\x30\xff\xff\xff\xff\x01",
        b"\x30\x80\x80\x80\x80\x80",
        b"\x30\x00",
        b"\x30\x01\x00",
        b"\x30\x02\x00\x05",
        b"\x30\x05\x00\x00abc",
        b"\x32\x04\x00\x02/a",
        b"\x32\x06\x00\x02/a\x00\x00",
        b"\x36\x06\x00\x02/a\x00\x01",
        b"\x30\x04\x00\x02\xff\xfe",
        b"\x40\x01\x00",
        b"\x90\x01\x00",
    )
    for data in malformed:
        clock, net = world()
        dev, got = listening(clock)
        net.last.incoming += data
        dev.poll()
        dev.poll()
        assert not dev.connected, data
        assert dev.error.code in (errors.PROTOCOL, errors.LINK), (data, dev.error)
        assert net.last.closed
        assert got == [], data
        turn(dev, clock, 5000)
        assert dev.connected, data


def test_any_noise_becomes_a_lost_link_and_never_an_exception():
    random.seed(7)
    clock, net = world()
    dev, _ = listening(clock)
    for _ in range(300):
        dev._at = clock.ticks_ms()
        dev._failures = 0
        dev._starts.clear()
        turn(dev, clock, 200, 20)
        assert dev.connected, dev.error
        sock = net.last
        sock.piece = 1 + random.getrandbits(6)
        sock.incoming += bytes([random.getrandbits(8) for _ in range(1 + random.getrandbits(9))])
        sock.eof = True
        for _ in range(600):
            dev.poll()
        assert sock.closed


def test_a_broken_connection_becomes_a_lost_link_whatever_it_raises():
    for error in (OSError(104), OSError(-30848), ValueError("TLS"), OSError(), MemoryError()):
        clock, net = world()
        dev, _ = listening(clock)
        net.last.error = error
        dev.poll()
        assert not dev.connected
        assert dev.error is not None
        turn(dev, clock, 4000)
        assert dev.connected


def test_ctrl_c_passes_through_and_leaves_no_half_read_stream_behind():
    clock, net = world()
    dev, _ = listening(clock)
    net.last.error = KeyboardInterrupt()
    try:
        dev.poll()
    except KeyboardInterrupt:
        assert not dev.connected
        assert net.last.closed
        turn(dev, clock, 4000)
        assert dev.connected
        return
    raise AssertionError("swallowed")
