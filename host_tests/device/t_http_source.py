# The download source against a scripted socket: what no real server can be made to do.
# MIT licence.

import gc
import sys

import requests
from alink import errors, http_source, http_wire
from alink.errors import AlinkError
from alink.http_source import HttpSource

URL = "http://host/fw.bin?Signature=secret"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"


class Socket:
    # `answers`: bytes, None (nothing yet) or an exception to raise, one a read.
    def __init__(self, answers):
        self.answers = answers
        self.sent = b""
        self.closed = 0

    def settimeout(self, seconds):
        pass

    def setblocking(self, on):
        assert not on

    def connect(self, address):
        pass

    def write(self, data):
        self.sent += bytes(data[:100])  # a socket may take less than it was given
        return min(100, len(data))

    def readinto(self, buf, n):
        if not self.answers:
            return None
        answer = self.answers[0]
        if answer is None or not isinstance(answer, bytes):
            self.answers.pop(0)
            if answer is not None:
                raise answer
            return None
        part = answer[:n]
        if len(part) == len(answer):
            self.answers.pop(0)
        else:
            self.answers[0] = answer[n:]
        buf[: len(part)] = part
        return len(part)

    def close(self):
        self.closed += 1


class Sockets:
    SOCK_STREAM = 1

    def __init__(self, sock, lookup_error=None):
        self._sock = sock
        self._lookup_error = lookup_error

    def getaddrinfo(self, *args):
        if self._lookup_error:
            raise self._lookup_error
        return [(2, 1, 0, "", ("127.0.0.1", 80))]

    def socket(self, *args):
        return self._sock


class Clock:
    # Ticks as on an ESP32: they wrap at 2**30.
    def __init__(self, now):
        self.now = now

    def ticks_ms(self):
        return self.now & 0x3FFFFFFF

    def ticks_add(self, a, b):
        return (a + b) & 0x3FFFFFFF

    def ticks_diff(self, a, b):
        return ((a - b + 0x20000000) & 0x3FFFFFFF) - 0x20000000

    def sleep_ms(self, ms):
        self.now += ms


def raises(code, function, *args):
    try:
        function(*args)
    except AlinkError as err:
        assert err.code == code, err
        assert "secret" not in str(err)
        return err
    raise AssertionError("no error")


def opened(answers, **settings):
    sock = Socket(answers)
    http_wire.socket = Sockets(sock)
    source = HttpSource(64, allow_http=True, **settings)
    assert source.open(URL, 0, 10) == 0
    return source, sock


def test_a_request_taken_in_parts_is_sent_whole():
    _, sock = opened([HEAD])
    assert sock.sent.startswith(b"GET /fw.bin?Signature=secret HTTP/1.")
    assert sock.sent.endswith(b"\r\n\r\n") and len(sock.sent) > 100


def test_requests_is_itself_again_after_any_exception():
    real = requests.socket
    for exc, kind in (
        (OSError(-2), AlinkError),
        (ValueError("x"), AlinkError),
        (MemoryError(), AlinkError),
        (KeyboardInterrupt(), KeyboardInterrupt),
        (SystemExit(), SystemExit),
    ):
        http_wire.socket = Sockets(Socket([]), exc)
        try:
            HttpSource(64, allow_http=True).open(URL, 0, 10)
        except kind:
            assert requests.socket is real
            assert "tls" not in sys.modules
            continue
        raise AssertionError("no error")


def test_an_interrupt_in_the_head_leaves_no_connection_open():
    sock = Socket([b"HTTP/1.1 200", KeyboardInterrupt()])
    http_wire.socket = Sockets(sock)
    try:
        HttpSource(64, allow_http=True).open(URL, 0, 10)
    except KeyboardInterrupt:
        assert sock.closed
        return
    raise AssertionError("no error")


def test_a_link_is_not_sent_when_requests_has_gone_around_tls():
    class Careless:
        def get(self, url, headers, parse_headers):
            sock = self.socket.socket()
            sock.connect(None)
            sock.write(b"GET /fw.bin?Signature=secret HTTP/1.0\r\n\r\n")
            sock.readline()

    careless = Careless()
    careless.socket = None
    sock = Socket([HEAD])
    http_wire.socket = Sockets(sock)
    http_wire.requests = careless
    raises(errors.TLS, HttpSource(64).open, "https://host/fw.bin?Signature=secret", 0, 10)
    assert sock.sent == b"" and sock.closed


def test_a_requests_that_reads_no_head_is_not_taken_for_an_answer():
    class Lazy:
        socket = None

        def get(self, url, headers, parse_headers):
            pass

    http_wire.requests = Lazy()
    raises(errors.HTTP_HEAD, HttpSource(64, allow_http=True).open, URL, 0, 10)


def test_a_value_error_of_tls_in_the_body_is_a_broken_link_and_closes():
    source, sock = opened([HEAD, b"123", ValueError("tls")])
    chunk = bytearray(10)
    assert source.readinto(chunk, 10) == 0
    raises(errors.LINK, source.readinto, chunk, 10)
    assert sock.closed
    raises(errors.LINK, source.readinto, chunk, 10)


def test_more_than_the_body_is_never_asked_of_the_socket():
    source, sock = opened([HEAD, b"1234567890and more"])
    chunk = bytearray(64)
    try:
        source.readinto(chunk, 11)
    except ValueError:
        assert source.readinto(chunk, 10) == 10
        assert sock.answers == [b"and more"]
        return
    raise AssertionError("read past the end of the body")


def test_a_stall_is_noticed_across_the_wrap_of_the_ticks_and_not_before_its_time():
    clock = Clock((1 << 30) - 300)
    http_source.time = http_wire.time = clock
    source, sock = opened([HEAD], stall_timeout_ms=1000)
    chunk = bytearray(10)
    for _ in range(4):  # each byte starts the time-out anew
        clock.now += 900
        sock.answers.append(b"x")
        assert source.readinto(chunk, 10) == 0
    clock.now += 1000
    assert source.readinto(chunk, 10) == 0
    clock.now += 1
    raises(errors.TIMEOUT, source.readinto, chunk, 10)
    assert sock.closed


def test_the_head_deadline_holds_across_the_wrap_of_the_ticks():
    clock = Clock((1 << 30) - 300)
    http_source.time = http_wire.time = clock
    http_wire.socket = Sockets(Socket([b"HTTP/1.1 "]))
    source = HttpSource(64, allow_http=True, head_timeout_ms=1000)
    began = clock.now
    raises(errors.TIMEOUT, source.open, URL, 0, 10)
    assert 1000 <= clock.now - began <= 1010


def test_a_source_at_rest_holds_little_more_than_its_ring():
    gc.collect()
    before = gc.mem_alloc()
    source = HttpSource(4096)
    gc.collect()
    held = gc.mem_alloc() - before
    print("HttpSource(4096) holds", held, "bytes")
    assert 4096 < held < 4096 + 700
    assert source


def test_an_open_download_keeps_nothing_of_its_head():
    source, sock = opened([HEAD])
    gc.collect()
    before = gc.mem_alloc()
    source.close()
    gc.collect()
    kept = before - gc.mem_alloc()
    print("an open connection holds", kept, "bytes")
    assert kept < 700
    assert sock.closed
