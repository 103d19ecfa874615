# Signing in: the packet, the answers, the waiting, the subscriptions. MIT licence.

import hashlib
import sys
from binascii import hexlify

from alink import errors, parts, session
from alink.errors import AlinkError
from mqtt_fakes import failure, make, turn, up, world

_SECRET = "0123456789abcdef0123456789abcdef"


def test_the_connect_packet_is_the_platforms_byte_for_byte():
    # Computed from "Establish MQTT connections over TCP" (73742) for the running example.
    _clock, net = world()
    net.gateway.written = lambda sock: None
    dev = make(client_id="node-07", timestamp="1700000000000", keepalive=300)
    dev.poll()
    sent = bytes(net.last.sent)
    start = b"\x10\xac\x01\x00\x04MQTT\x04\xc2\x01\x2c\x00\x43n"
    assert sent[: len(start)] == start, hexlify(sent)
    assert len(sent) == 175, len(sent)
    wanted = b"0d17d24fb39f6cae3aa49aeaf62815802b6fc6628187c4d0c2eaf0ad48e3b43b"
    assert hexlify(hashlib.sha256(sent).digest()) == wanted


def test_a_wrong_secret_is_named_and_tried_again_only_after_minutes():
    for code in (2, 4, 5):
        clock, net = world()
        net.gateway.connack = bytes([0x20, 2, 0, code])
        dev = make()
        exc = failure(dev.connect)
        assert exc.code == errors.REFUSED, exc
        assert "CONNACK %d" % code in exc.detail
        assert "device secret" in exc.advice
        turn(dev, clock, 220000, 100)
        assert len(net.connects) == 1, net.connects
        net.gateway.connack = b"\x20\x02\0\0"
        turn(dev, clock, 160000, 100)
        assert dev.connected
        assert dev.error is None


def test_a_gateway_that_is_busy_is_tried_again_within_seconds():
    for code in (1, 3):
        clock, net = world()
        net.gateway.connack = bytes([0x20, 2, 0, code])
        dev = make()
        dev.poll()
        assert dev.error.code == errors.LINK, dev.error
        net.gateway.connack = b"\x20\x02\0\0"
        turn(dev, clock, 3000)
        assert dev.connected


def test_a_gateway_that_says_nothing_costs_one_bounded_step():
    clock, net = world()
    net.gateway.connack = None
    dev = make(connect_timeout_ms=10000)
    dev.poll()
    assert 10000 <= clock.total <= 10100, clock.total
    assert dev.error.code == errors.TIMEOUT, dev.error
    assert net.last.closed
    assert not dev.connected


def test_a_sign_in_without_room_for_its_answer_is_no_network_trouble():
    # Six of them, and alink goes on without the application (backoff.py).
    def unverified(sock):
        raise ValueError("The certificate is not correctly signed by the trusted CA")

    for free, written, code in (
        (3000, None, errors.NO_MEMORY),
        (9000, None, errors.TIMEOUT),
        (3000, unverified, errors.NO_MEMORY),
        (9000, unverified, errors.TLS),
    ):
        _clock, net = world()
        net.gateway.connack = None
        if written is not None:
            net.gateway.written = written
        idf = parts.use("idf")  # stays loaded while it is asked
        real = idf.spare
        idf.spare = lambda free=free: (free, 4000)
        try:
            dev = make(connect_timeout_ms=10000)
            dev.poll()
            assert dev.error.code == code, dev.error
        finally:
            idf.spare = real
            parts.drop("idf")


def test_a_gateway_that_dribbles_cannot_stretch_the_step():
    clock, net = world()
    net.gateway.connack = b""
    dev = make(connect_timeout_ms=10000)

    def dribble():
        if clock.total > 6000 and not net.last.incoming and clock.total < 9000:
            net.last.incoming += b"\x20"

    dev.on_feed = dribble
    dev.poll()
    assert clock.total <= 10100, clock.total
    assert dev.error is not None


def test_what_is_no_mqtt_gateway_is_said_to_be_none():
    for answer in (b"", b"\x20", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x20\x02\0\xee"):
        _clock, net = world()
        net.gateway.connack = answer

        def at_once(sock):
            sock.eof = True

        net.on_socket = at_once
        dev = make()
        dev.poll()
        assert dev.error.code in (errors.LINK, errors.PROTOCOL), dev.error
        assert "MQTT gateway" in dev.error.detail, dev.error
        assert net.last.closed


def test_an_unreachable_host_is_told_apart_from_an_unknown_name():
    clock, net = world()
    net.refuse = 113
    dev = make()
    dev.poll()
    assert "EHOSTUNREACH" in dev.error.detail, dev.error
    net.no_name = True
    turn(dev, clock, 3000)
    assert "name could not be resolved" in dev.error.detail, dev.error
    assert net.last.closed


def test_an_unset_clock_is_named_before_any_connection_and_mended_within_seconds():
    clock, net = world()
    clock.year = 2000
    dev = make(secure=True, ca=b"\x30")
    exc = failure(dev.connect)
    assert exc.code == errors.CLOCK, exc
    turn(dev, clock, 600000, 500)
    assert dev.error.code == errors.CLOCK
    assert not net.sockets
    session.shared = b"\x30", _NoTls()
    clock.year = 2026
    turn(dev, clock, 2100)
    assert dev.connected


class _NoTls:
    # Stands in for a tls.SSLContext: the stream as it is.
    def wrap_socket(self, sock, server_hostname, do_handshake_on_connect):
        assert server_hostname == "gateway.example"
        assert not do_handshake_on_connect, "it would block"
        return sock


def test_every_subscription_is_confirmed_before_the_device_counts_as_connected():
    clock, net = world()
    dev = make()
    names = ["/ota/device/upgrade/a1B2c3D4e5F/greenhouse_07/%d" % i for i in range(20)]
    for name in names:
        dev.subscribe(name, lambda topic, payload: None)
    net.gateway.suback = None
    turn(dev, clock, 1000)
    assert not dev.connected
    assert dev.session == 0
    assert net.gateway.filters == [names[:8]], net.gateway.filters
    assert failure(lambda: dev.publish("/a", b"")).code == errors.LINK
    net.gateway.suback = 0
    first_pid = net.gateway.of_type(0x80)[0][:2]
    net.last.incoming += b"\x90\x0a" + first_pid + bytes(8)
    turn(dev, clock, 1000)
    assert dev.connected
    assert dev.session == 1
    assert net.gateway.filters == [names[:8], names[8:16], names[16:]]
    net.last.eof = True
    turn(dev, clock, 5000)
    assert dev.session == 2
    assert len(net.gateway.filters) == 6


def test_a_refused_subscription_is_named_and_ends_the_session():
    foreign = "/ota/device/upgrade/another/board"
    for late in (False, True):
        clock, net = world()
        net.gateway.refused = (foreign,)
        dev = make()
        dev.subscribe("/mine", lambda topic, payload: None)
        dev.subscribe("/mine/2", lambda topic, payload: None)
        if late:
            dev.connect()
            dev.subscribe("/mine/3", lambda topic, payload: None)
        dev.subscribe(foreign, lambda topic, payload: None)
        turn(dev, clock, 1000)
        assert not dev.connected
        assert dev.error.code == errors.SUBSCRIBE, dev.error
        assert dev.error.detail == foreign, dev.error
        assert net.last.closed
        turn(dev, clock, 200000, 100)
        assert len(net.connects) == 1


def test_a_missing_suback_ends_the_session():
    clock, net = world()
    net.gateway.suback = None
    dev = make(ack_timeout_ms=4000)
    dev.subscribe("/a", lambda topic, payload: None)
    turn(dev, clock, 3500)
    assert len(net.connects) == 1
    assert dev.error is None
    turn(dev, clock, 1000)
    assert dev.error.code == errors.TIMEOUT, dev.error
    assert "SUBACK" in dev.error.detail


def test_a_suback_with_a_wrong_number_of_codes_ends_the_session_not_the_main_loop():
    for codes in (b"", b"\0\0", b"\0\x80", b"\0\0\0\0\x80"):
        clock, net = world()
        net.gateway.suback = None
        dev = make()
        dev.subscribe("/a", lambda topic, payload: None)
        turn(dev, clock, 200)
        pid = net.gateway.of_type(0x80)[0][:2]
        net.last.incoming += b"\x90" + bytes([2 + len(codes)]) + pid + codes
        turn(dev, clock, 200)
        assert dev.error is not None and dev.error.code == errors.PROTOCOL, (codes, dev.error)
        assert net.last.closed
        assert not dev.connected


def test_long_topics_are_subscribed_whole():
    _clock, net = world()
    dev = make()
    names = ["/" + "x" * (size - 1) for size in (122, 123, 124, 128, 256)]
    for name in names:
        dev.subscribe(name, lambda topic, payload: None)
    dev.connect()
    assert net.gateway.filters == [names]


def test_every_old_socket_is_closed_before_the_next_one_is_opened():
    clock, net = world()

    def none_open(sock):
        assert all(old.closed for old in net.sockets)

    net.on_socket = none_open
    dev = up(clock)
    for _ in range(5):
        net.last.eof = True
        turn(dev, clock, 130000, 500)
    assert len(net.sockets) == 6, len(net.sockets)


def test_the_small_packets_are_not_held_back_by_nagle():
    clock, net = world()
    up(clock)
    assert net.last.nodelay


def test_the_secret_and_the_password_are_never_shown():
    _clock, net = world()
    shown = []
    for connack in (b"\x20\x02\0\x05", b"\x20\x02\0\x03", b"HTTP", b"", b"\x20\x02\0\0"):
        net.gateway.connack = connack
        dev = make(connect_timeout_ms=200)
        try:
            dev.connect(timeout_ms=300)
        except AlinkError as exc:
            shown += [str(exc), repr(exc), exc.text(128), exc.detail]
        shown += [repr(dev), str(dev), repr(dev._link)]
    for bad in ({"host": ""}, {"keepalive": 10}, {"sign_method": "none"}, {"client_id": "|"}):
        try:
            make(**bad)
        except ValueError as exc:
            shown += [str(exc), repr(exc)]
    password = dev._settings[4][2].decode()
    assert len(password) == 64
    text = "\n".join(shown + net.log)
    assert "signed in" in text
    assert _SECRET not in text
    assert password not in text


def test_the_secret_itself_is_not_kept():
    world()
    dev = make()
    dev.connect()
    for owner in (dev, dev._link):
        for name in dir(owner):
            value = getattr(owner, name)
            assert value not in (_SECRET, _SECRET.encode()), name
            if isinstance(value, tuple):
                assert _SECRET not in str(value), name
    assert not [name for name in sys.modules if name.startswith("alink.signin")]


def test_a_setting_that_cannot_work_is_refused_with_its_name():
    world()
    for name, values in (
        ("keepalive", (0, 29, 1201, None, "300")),
        ("host", ("", None, "mqtt://gateway", "gateway:1883")),
        ("product_key", ("",)),
        ("device_name", (None,)),
        ("device_secret", ("", " x")),
        ("port", (0, 65536)),
        ("ca", (b"nonsense", [])),
        ("max_message", (0, -1)),
        ("ping_ms", (0, 300001)),
        ("connect_timeout_ms", (0,)),
        ("ack_timeout_ms", (0,)),
    ):
        for value in values:
            try:
                make(**{name: value})
            except ValueError as exc:
                assert name in str(exc), exc
            else:
                raise AssertionError("accepted: %s=%r" % (name, value))


def test_connect_gives_up_in_time_with_the_reason_and_poll_goes_on():
    clock, net = world()
    net.refuse = 113
    dev = make()
    fed = []
    dev.on_feed = lambda: fed.append(1)
    exc = failure(lambda: dev.connect(timeout_ms=30000))
    assert "EHOSTUNREACH" in exc.detail, exc
    assert 30000 <= clock.total <= 41000, clock.total
    assert len(fed) > 1000
    net.refuse = 0
    turn(dev, clock, 60000)
    assert dev.connected


def test_disconnect_says_good_bye_and_stays_away():
    clock, net = world()
    dev = up(clock)
    dev.disconnect()
    assert net.gateway.packets[-1] == (0xE0, b"")
    assert net.last.closed
    turn(dev, clock, 600000, 1000)
    assert len(net.connects) == 1
    dev.connect()
    assert dev.connected
    assert dev.session == 2


def test_ids_of_messages_count_up():
    world()
    dev = make()
    assert [dev.next_id() for _ in range(3)] == ["1", "2", "3"]
