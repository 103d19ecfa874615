# Messages out, acknowledgements, pings, and time that wraps. MIT licence.

from alink import errors
from mqtt_fakes import failure, publish_packet, turn, up, world

_WRAP = 1 << 30


def test_a_qos_1_message_counts_as_taken_only_after_its_puback():
    clock, net = world()
    dev = up(clock)
    pid = dev.publish("/a/b", b"payload", 1)
    assert pid > 0
    assert net.gateway.packets[-1] == (
        0x32,
        b"\0\x04/a/b" + bytes([pid >> 8, pid & 255]) + b"payload",
    )
    assert not dev.acked(pid)
    turn(dev, clock, 200)
    assert dev.acked(pid)
    assert not dev.acked(pid + 1)
    assert not dev.acked(0)


def test_a_qos_0_message_is_sent_as_it_is():
    clock, net = world()
    dev = up(clock)
    assert dev.publish("/a", "text \u4f60") == 0
    assert net.gateway.packets[-1] == (0x30, b"\0\x02/a" + "text \u4f60".encode())
    assert not dev.acked(0)
    for size in (0, 1, 123, 124, 16379, 16380, 20000):
        dev.publish("/a", bytes(size))
        assert net.gateway.packets[-1] == (0x30, b"\0\x02/a" + bytes(size)), size


def test_a_puback_behind_other_messages_is_found():
    clock, net = world()
    dev = up(clock)
    pid = dev.publish("/a", b"x", 1)
    net.last.incoming = bytearray(publish_packet("/b", bytes(700))) + net.last.incoming
    turn(dev, clock, 500)
    assert dev.acked(pid)


def test_a_message_without_puback_ends_the_session_and_is_never_acknowledged():
    clock, net = world()
    net.gateway.puback = False
    dev = up(clock, ack_timeout_ms=10000)
    pid = dev.publish("/a", b"x", 1)
    turn(dev, clock, 9500)
    assert dev.connected
    turn(dev, clock, 1000)
    assert not dev.connected
    assert dev.error.code == errors.TIMEOUT
    assert "PUBACK" in dev.error.detail
    net.gateway.puback = True
    turn(dev, clock, 5000)
    assert dev.connected
    assert not dev.acked(pid)
    net.last.incoming += b"\x40\x02" + bytes([pid >> 8, pid & 255])
    turn(dev, clock, 500)
    assert not dev.acked(pid), "an id of the lost session"


def test_an_application_that_was_busy_for_long_does_not_lose_its_session():
    clock, net = world()
    dev = up(clock)
    pid = dev.publish("/a", b"x", 1)
    clock.sleep_ms(3600000)
    dev.poll()
    turn(dev, clock, 1000)
    assert len(net.sockets) == 1, dev.error
    assert dev.acked(pid)


def test_at_most_eight_messages_wait_for_their_puback():
    clock, net = world()
    net.gateway.puback = False
    dev = up(clock)
    pids = [dev.publish("/a", b"x", 1) for _ in range(8)]
    sent = len(net.gateway.packets)
    exc = failure(lambda: dev.publish("/a", b"x", 1))
    assert exc.code == errors.LINK
    assert "PUBACK" in exc.detail
    assert len(net.gateway.packets) == sent
    assert dev.publish("/a", b"x") == 0
    assert dev.connected
    net.last.incoming += b"\x40\x02" + bytes([pids[3] >> 8, pids[3] & 255])
    turn(dev, clock, 200)
    assert dev.acked(pids[3])
    assert not dev.acked(pids[2])
    assert dev.publish("/a", b"x", 1) not in pids


def test_packet_ids_wrap_and_never_meet_one_that_is_still_out():
    clock, net = world()
    net.gateway.puback = False
    dev = up(clock)
    dev._link.pid = 65533
    pids = [dev.publish("/a", b"x", 1) for _ in range(3)]
    assert pids == [65534, 65535, 1], pids
    dev._link.pid = 65533
    assert dev.publish("/a", b"x", 1) == 2
    net.gateway.puback = True
    net.last.incoming += b"\x40\x02\xff\xfe\x40\x02\x00\x02"
    turn(dev, clock, 200)
    assert [dev.acked(pid) for pid in (65534, 65535, 1, 2)] == [True, False, False, True]


def test_the_65536th_message_is_acknowledged_like_the_first():
    clock, net = world()
    dev = up(clock)
    for _ in range(65540):
        pid = dev.publish("/a", b"", 1)
        dev.poll()
        assert dev.acked(pid), pid
        net.gateway.packets.clear()
    assert len(net.sockets) == 1


def test_a_ping_goes_out_every_minute_and_a_missing_answer_ends_the_session():
    clock, net = world()
    dev = up(clock)
    turn(dev, clock, 599000, 500)
    assert len(net.gateway.of_type(0xC0)) == 9
    assert len(net.sockets) == 1
    net.gateway.pingresp = False
    turn(dev, clock, 10000, 500)
    assert len(net.sockets) == 1
    turn(dev, clock, 2000, 500)
    assert dev.error.code == errors.TIMEOUT
    assert "PINGRESP" in dev.error.detail
    assert net.sockets[0].closed


def test_a_flood_of_messages_does_not_keep_the_ping_back():
    clock, net = world()
    dev = up(clock)
    end = clock.total + 130000
    while clock.total < end:
        net.last.incoming += publish_packet("/noise", b"x")
        turn(dev, clock, 50)
    assert len(net.gateway.of_type(0xC0)) == 2


def test_time_that_wraps_changes_nothing():
    # Ticks wrap at 2**30 ms, every 12 days: here in the middle of each kind of waiting.
    for before in (0, 1, 5000, 30000, 59999, 60000, 61000, 65000, 69000):
        clock, net = world(_WRAP - before)
        dev = up(clock)
        turn(dev, clock, 59000, 500)
        assert len(net.gateway.of_type(0xC0)) == 0, before
        turn(dev, clock, 2000, 500)
        assert len(net.gateway.of_type(0xC0)) == 1, before
        net.gateway.puback = False
        dev.publish("/a", b"x", 1)
        turn(dev, clock, 9000, 500)
        assert dev.connected, before
        turn(dev, clock, 2000, 500)
        assert not dev.connected, before
        turn(dev, clock, 3000, 500)
        assert dev.connected, (before, dev.error)
        assert dev.session == 2


def test_weeks_of_uptime_change_nothing():
    clock, net = world()
    dev = up(clock)
    for _ in range(40 * 24):
        turn(dev, clock, 3600000, 29000)
        net.gateway.packets.clear()
    assert len(net.sockets) == 1
    net.last.eof = True
    turn(dev, clock, 4000)
    assert dev.session == 2


def test_a_packet_that_goes_out_in_pieces_is_completed():
    clock, net = world()
    dev = up(clock)
    for room in (0, 1, 3, 7):
        net.last.room = room

        def more(sock=net.last):
            if clock.total % 10 == 0:
                sock.room += 3

        dev.on_feed = more
        pid = dev.publish("/a", b"in pieces", 1)
        assert net.gateway.packets[-1][1][-9:] == b"in pieces"
        net.last.room = 1 << 20
        turn(dev, clock, 200)
        assert dev.acked(pid)


def test_a_link_that_takes_nothing_more_is_dropped_in_time_and_never_left_torn():
    clock, net = world()
    dev = up(clock, ack_timeout_ms=3000)
    net.last.room = 5
    began = clock.total
    exc = failure(lambda: dev.publish("/a", b"x" * 100))
    assert exc.code == errors.LINK, exc
    assert 3000 <= clock.total - began <= 3100
    assert net.last.closed
    assert not dev.connected
    assert failure(lambda: dev.publish("/a", b"x")).code == errors.LINK
    turn(dev, clock, 4000)
    assert dev.connected
    assert dev.publish("/a", b"again") == 0


def test_a_link_that_takes_no_ping_costs_one_bounded_poll():
    clock, net = world()
    dev = up(clock, ack_timeout_ms=3000)
    turn(dev, clock, 59500, 500)
    net.last.room = 0
    clock.sleep_ms(1000)
    began = clock.total
    dev.poll()
    assert clock.total - began <= 3100
    assert not dev.connected


def test_a_message_that_is_no_message_is_refused_before_anything_is_sent():
    clock, net = world()
    dev = up(clock)
    sent = len(net.gateway.packets)
    for topic, qos in (("", 0), (None, 0), ("/a/#", 0), ("/+", 0), ("/a", 2), ("/a", -1)):
        try:
            dev.publish(topic, b"x", qos)
        except ValueError as exc:
            assert "topic" in str(exc) or "qos" in str(exc), exc
        else:
            raise AssertionError("accepted: %r %r" % (topic, qos))
    assert len(net.gateway.packets) == sent
    assert dev.connected
