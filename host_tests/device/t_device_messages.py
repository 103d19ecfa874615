# Messages in: whole, in pieces, too large; and the handlers. MIT licence.

import gc

import micropython
from mqtt_fakes import listening, packet, publish_packet, turn, up, world


def test_a_message_is_delivered_wherever_the_stream_was_cut():
    clock, net = world()
    dev, got = listening(clock)
    for size in (0, 1, 100, 127, 128, 129, 255, 256, 257, 1000, 8192):
        payload = bytes([i & 255 for i in range(size)])
        for piece in (1, 3, 250, 100000):
            for qos in (0, 1):
                net.last.piece = piece
                net.last.incoming += publish_packet("/a/b", payload, qos, 7)
                for _ in range(size // piece + 30):
                    dev.poll()
                assert got == [("/a/b", payload)], (size, piece, qos, len(got))
                assert isinstance(got[0][1], bytes)
                got.clear()
    assert dev.connected
    assert len(net.sockets) == 1


def test_messages_that_arrive_together_are_delivered_one_a_poll():
    clock, net = world()
    dev, got = listening(clock)
    for i in range(5):
        net.last.incoming += publish_packet("/n", bytes([i]))
    for i in range(5):
        dev.poll()
        assert len(got) == i + 1
    assert [payload[0] for _, payload in got] == [0, 1, 2, 3, 4]


def test_half_a_packet_never_blocks_and_ends_the_session_in_the_end():
    whole = publish_packet("/a", b"x" * 600)
    for cut in (1, 2, 3, 4, 6, 7, 300, len(whole) - 1):
        clock, net = world()
        net.gateway.pingresp = False
        dev, got = listening(clock)
        net.last.incoming += whole[:cut]
        turn(dev, clock, 59000, 500)
        assert len(net.sockets) == 1, (cut, dev.error)
        turn(dev, clock, 3000, 500)
        assert net.sockets[0].closed, cut
        assert got == []
        turn(dev, clock, 5000)
        assert dev.connected
        net.last.incoming += whole
        turn(dev, clock, 1000)
        assert len(got) == 1, "the half packet spoilt the next session"


def test_a_dribbled_packet_ends_the_session_with_the_keep_alive():
    clock, net = world()
    net.gateway.pingresp = False
    dev, _ = listening(clock, keepalive=120)
    net.last.incoming += b"\x30\xff\x7f\x00\x02/a"
    end = clock.total + 119000
    while clock.total < end:
        net.last.incoming += b"x"
        turn(dev, clock, 1000, 500)
    assert len(net.sockets) == 1
    net.last.incoming += b"x"
    turn(dev, clock, 2500, 500)
    net.last.incoming += b"x"
    turn(dev, clock, 1000, 500)
    assert net.sockets[0].closed


def test_a_slow_message_with_answers_behind_it_does_not_end_the_session():
    clock, net = world()
    dev, got = listening(clock, ack_timeout_ms=5000, ping_ms=20000)
    pid = dev.publish("/mine", b"hello", 1)
    behind = bytes(net.last.incoming)
    assert behind
    slow = publish_packet("/a", b"x" * 4000)
    net.last.incoming = bytearray()
    net.gateway.pingresp = False
    for i in range(0, len(slow), 100):
        net.last.incoming += slow[i : i + 100]
        turn(dev, clock, 1000, 500)
    assert net.gateway.of_type(0xC0)
    turn(dev, clock, 3000)
    net.last.incoming += behind + b"\xd0\0"
    turn(dev, clock, 4000)
    assert len(net.sockets) == 1, dev.error
    assert len(got) == 1
    assert dev.acked(pid)
    turn(dev, clock, 30000)
    assert net.sockets[0].closed, "and afterwards a missing PINGRESP counts again"


def test_a_message_over_the_bound_is_skipped_without_being_held_and_the_next_one_arrives():
    clock, net = world()
    dev, got = listening(clock, max_message=1000)
    gc.collect()
    for qos in (0, 1):
        for _ in range(3):
            net.last.incoming += packet(
                0x30 | qos << 1, b"\x00\x02/b" + b"\x01\x02"[: 2 * qos] + bytes(1001)
            )
            net.last.incoming += publish_packet("/a", b"n" * 1000)
            turn(dev, clock, 1000)
            assert got == [("/a", b"n" * 1000)]
            got.clear()
    assert dev.connected
    pubacks = net.gateway.of_type(0x40)
    assert pubacks == [b"\x01\x02"] * 3, "not acknowledged, it would be sent again for ever"
    told = [line for line in net.log if "skipped" in line]
    assert len(told) == 1, told
    assert "/b" in told[0]


def test_a_huge_message_needs_no_more_memory_than_a_small_one():
    clock, net = world()
    dev, got = listening(clock, max_message=1000)
    head = b"\x30\x84\x80\x80\x02\x00\x02/b"  # 4 MiB of payload
    left = 4 << 20
    net.last.incoming += head
    piece = bytes(8192)
    gc.collect()
    before = gc.mem_alloc()
    most = 0
    while left:
        net.last.incoming += piece
        left -= len(piece)
        dev.poll()
        dev.poll()
        if left % (1 << 19) == 0:
            gc.collect()
            most = max(most, gc.mem_alloc() - before)
    assert most < 8192 + 2048, most
    net.last.incoming += publish_packet("/a", b"after")
    turn(dev, clock, 500)
    assert got == [("/a", b"after")]


def test_a_message_with_an_endless_topic_is_skipped_and_acknowledged():
    clock, net = world()
    dev, got = listening(clock)
    for size in (129, 257, 600, 65535):
        net.last.incoming += publish_packet("t" * size, b"x" * 20, 1, size)
        net.last.incoming += publish_packet("/a", b"after")
        turn(dev, clock, 2000)
        assert got == [("/a", b"after")], size
        got.clear()
    assert net.gateway.of_type(0x40) == [b"\x00\x81", b"\x01\x01", b"\x02\x58", b"\xff\xff"]


def test_qos_1_messages_are_acknowledged_after_their_handler_ran():
    clock, net = world()
    dev = up(clock)
    acknowledged = []
    dev.subscribe("/a", lambda topic, payload: acknowledged.append(net.gateway.of_type(0x40)))
    turn(dev, clock, 200)
    net.last.incoming += publish_packet("/a", b"x", 1, 0x1234)
    turn(dev, clock, 200)
    assert acknowledged == [[]]
    assert net.gateway.of_type(0x40) == [b"\x12\x34"]


def test_a_handler_that_fails_costs_neither_session_nor_acknowledgement():
    clock, net = world()
    dev = up(clock)
    got = []

    def broken(topic, payload):
        raise KeyError("my mistake")

    dev.subscribe("/a", broken)
    dev.subscribe("/a/#", lambda topic, payload: got.append(payload))
    turn(dev, clock, 200)
    net.last.incoming += publish_packet("/a", b"x", 1, 5)
    turn(dev, clock, 200)
    assert dev.connected
    assert got == [b"x"]
    assert net.gateway.of_type(0x40) == [b"\0\x05"]
    told = [line for line in net.log if "KeyError" in line and "my mistake" in line]
    assert len(told) == 1, net.log


def test_a_handler_may_publish_with_either_qos_and_poll_in_it_does_nothing():
    clock, net = world()
    dev = up(clock)
    pids = []

    def answer(topic, payload):
        dev.poll()
        pids.append(dev.publish("/reply", payload, 1))
        dev.publish("/reply", payload)
        dev.poll()

    dev.subscribe("/ask", answer)
    turn(dev, clock, 200)
    net.last.incoming += publish_packet("/ask", b"1", 1, 9)
    net.last.incoming += publish_packet("/ask", b"2", 1, 10)
    turn(dev, clock, 500)
    assert len(pids) == 2
    assert all(dev.acked(pid) for pid in pids)
    assert len(net.gateway.of_type(0x30)) == 4
    assert net.gateway.of_type(0x40) == [b"\0\x09", b"\0\x0a"]


def test_a_handler_may_hang_up():
    clock, net = world()
    dev = up(clock)
    dev.subscribe("/bye", lambda topic, payload: dev.disconnect())
    turn(dev, clock, 200)
    net.last.incoming += publish_packet("/bye", b"", 1, 9)
    turn(dev, clock, 500)
    assert not dev.connected
    assert dev.error is None, "hanging up is no failure"
    assert net.gateway.packets[-1][0] == 0xE0
    assert len(net.sockets) == 1


def test_a_handler_that_wants_to_block_is_told_not_to():
    clock, net = world()
    dev = up(clock)

    def wait(topic, payload):
        dev.disconnect()
        dev.connect()

    dev.subscribe("/w", wait)
    turn(dev, clock, 200)
    net.last.incoming += publish_packet("/w", b"")
    turn(dev, clock, 500)
    assert [line for line in net.log if "from a message handler" in line], net.log


def test_an_idle_poll_allocates_nothing():
    clock, net = world()
    dev, _ = listening(clock)
    dev.publish("/mine", b"unanswered", 1)
    net.last.incoming = bytearray()
    poll = dev.poll
    poll()
    micropython.heap_lock()
    try:
        for _ in range(100):
            poll()
    finally:
        micropython.heap_unlock()
    assert dev.connected
