# What a sign-in leaves behind, want of memory, and stepping aside for a download. MIT licence.

import gc
import sys

from alink import errors, parts, session
from mqtt_fakes import failure, make, packets, publish_packet, turn, up, world


def hold(dev):
    # As job/states.py does it.
    dev._drop(True)
    dev._off |= 2


def _heap():
    gc.collect()
    gc.collect()
    return gc.mem_alloc()


def _quiet(net):
    # What the fakes remember is not the Device's.
    net.log.clear()
    net.connects.clear()
    net.gateway.packets.clear()
    net.gateway.filters.clear()
    net.sockets = net.sockets[-1:]


def _loaded():
    transient = ("signin", "backoff", "blocking", "faults", "topics", "advice", "clock")
    names = [name for name in sys.modules if name.startswith("alink.")]
    return [name for name in names if name.split(".")[1] in transient]


def test_what_only_a_sign_in_needs_is_gone_when_it_is_over():
    clock, net = world()
    dev = make()
    assert _loaded() == [], "after the constructor"
    dev.subscribe("/a", lambda topic, payload: None)
    dev.connect()
    assert _loaded() == [], "signed in"
    dev.subscribe("/b", lambda topic, payload: None)
    turn(dev, clock, 200)
    assert net.gateway.filters == [["/a"], ["/b"]]
    assert _loaded() == [], "one more subscription"
    net.last.eof = True
    net.refuse = 113
    turn(dev, clock, 10000)
    assert not dev.connected
    assert _loaded() == [], "a sign-in that failed"
    net.refuse = 0
    net.gateway.suback = None
    turn(dev, clock, 10000)
    assert "alink.signin.subscribe" in sys.modules, "a SUBACK is waited for"
    net.last.eof = True
    turn(dev, clock, 200)
    assert _loaded() == [], "lost while it subscribed"
    dev.disconnect()
    assert _loaded() == []


def test_a_refused_setting_leaves_nothing_loaded():
    world()
    for bad in ({"host": ""}, {"ca": b"x"}, {"keepalive": 1}):
        try:
            make(**bad)
        except ValueError:
            assert _loaded() == [], bad


def test_200_sign_ins_and_sign_offs_leave_no_more_than_they_found():
    clock, net = world()
    dev = make()
    dev.subscribe("/a", lambda topic, payload: None)
    settled = 0
    for i in range(200):
        dev.connect()
        net.last.incoming += publish_packet("/a", bytes(1000), 1, 7)
        dev.publish("/b", bytes(1000), 1)
        turn(dev, clock, 100)
        dev.disconnect()
        clock.sleep_ms(13000)
        _quiet(net)
        if i == 10:
            settled = _heap()
    assert dev.session == 200
    assert _heap() - settled <= 256, _heap() - settled


def test_200_attempts_that_fail_leave_no_more_than_they_found():
    clock, net = world()
    net.refuse = 113
    dev = make()
    settled = 0
    for i in range(200):
        turn(dev, clock, 130000, 1000)
        assert net.connects, i
        _quiet(net)
        if i == 10:
            settled = _heap()
    assert _heap() - settled <= 256, _heap() - settled


def test_want_of_memory_ends_the_session_under_its_own_name_and_is_tried_again():
    for error in (MemoryError(), OSError(12), OSError(-0x7F00)):
        clock, net = world()
        dev = up(clock)
        net.last.error = error
        dev.poll()
        assert not dev.connected
        assert dev.error.code == errors.NO_MEMORY, (error, dev.error)
        assert net.last.closed
        turn(dev, clock, 4000)
        assert dev.connected, error


def test_a_sign_in_without_memory_is_told_as_such_and_tried_again():
    clock, net = world()
    ask = parts.ask
    for what in ("connect", "context", "socket"):
        net.refuse = 12 if what == "connect" else 0
        net.on_socket = _raise if what == "socket" else None
        session.shared = None
        dev = make(secure=what == "context", ca=b"\x30")
        if what == "context":
            parts.ask = lambda name, *args: (
                _invalid() if name == "signin.tls" else ask(name, *args)
            )
        dev.poll()
        parts.ask = ask
        net.on_socket = None
        assert dev.error.code == errors.NO_MEMORY, (what, dev.error)
        net.refuse = 0
        session.shared = b"\x30", _NoTls()
        turn(dev, clock, 3000)
        assert dev.connected, what


def _raise(sock):
    raise MemoryError


def _invalid():
    raise ValueError("invalid cert")


class _NoTls:
    def wrap_socket(self, sock, server_hostname, do_handshake_on_connect):
        return sock


def _none(*args):
    raise MemoryError


def test_memory_that_does_not_even_do_for_the_words_never_leaves_poll():
    clock, net = world()
    dev = up(clock)
    no_memory = errors.NO_MEMORY
    ask, use = parts.ask, parts.use
    parts.ask = parts.use = _none
    net.last.error = OSError(104)
    dev.poll()
    assert not dev.connected
    assert dev.error.code == no_memory
    assert net.last.closed
    for _ in range(100):
        dev.poll()
        clock.sleep_ms(100)
    assert dev.error.code == no_memory
    assert len(net.sockets) == 1
    parts.ask, parts.use = ask, use
    turn(dev, clock, 3000)
    assert dev.connected


def test_a_message_for_which_there_is_no_memory_is_skipped():
    clock, net = world()
    dev = up(clock)
    got = []
    dev.subscribe("/a", lambda topic, payload: got.append(payload))
    turn(dev, clock, 200)
    ring = packets.RingIO
    packets.RingIO = _none
    net.last.incoming += publish_packet("/a", bytes(1000), 1, 7)
    turn(dev, clock, 200)
    packets.RingIO = ring
    net.last.incoming += publish_packet("/a", b"after", 1, 8)
    turn(dev, clock, 200)
    assert got == [b"after"]
    assert net.gateway.of_type(0x40) == [b"\0\x07", b"\0\x08"]
    assert len(net.sockets) == 1


def test_hold_signs_off_and_nothing_signs_in_before_resume():
    clock, net = world()
    dev = up(clock)
    hold(dev)
    assert not dev.connected
    assert dev.error is None
    assert net.gateway.packets[-1][0] == 0xE0, "the platform is told"
    assert net.last.closed
    turn(dev, clock, 600000, 1000)
    dev.connect()  # returns: the loop of an application that calls it goes on
    assert not dev.connected
    assert failure(lambda: dev.publish("/a", b"")).code == errors.LINK
    assert len(net.connects) == 1
    dev.resume()
    dev.poll()
    assert dev.connected, "at once"
    assert dev.session == 2


def test_what_was_off_stays_off_after_resume_and_what_was_lost_comes_back():
    clock, net = world()
    dev = up(clock)
    dev.disconnect()
    hold(dev)
    dev.resume()
    turn(dev, clock, 60000, 100)
    assert len(net.connects) == 1
    dev.connect()
    hold(dev)
    dev.disconnect()
    dev.connect()
    assert not dev.connected
    dev.resume()
    turn(dev, clock, 60000, 100)
    assert len(net.connects) == 2
    dev.connect()
    net.last.eof = True
    net.refuse = 113
    turn(dev, clock, 20000, 100)
    hold(dev)
    turn(dev, clock, 200000, 100)
    net.refuse = 0
    dev.resume()
    dev.poll()
    assert dev.connected


def test_a_hold_while_it_signs_in_or_subscribes_holds():
    clock, net = world()
    net.gateway.suback = None
    dev = make()
    dev.subscribe("/a", lambda topic, payload: None)
    turn(dev, clock, 200)
    assert not dev.connected
    hold(dev)
    assert net.last.closed
    turn(dev, clock, 60000, 100)
    assert len(net.connects) == 1
    net.gateway.suback = 0
    dev.resume()
    turn(dev, clock, 200)
    assert dev.connected


def test_holding_again_and_again_does_not_break_the_platforms_limit():
    clock, net = world()
    dev = up(clock)
    for _ in range(20):
        hold(dev)
        turn(dev, clock, 1000, 100)
        dev.resume()
        turn(dev, clock, 1000, 100)
    minute = [at for at in net.connects if at < 40000]
    assert len(minute) <= 5, net.connects
    turn(dev, clock, 61000, 100)
    assert dev.connected
