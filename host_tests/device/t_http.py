# The download source against a scripted socket: what no real server can be made to do.
# MIT licence.

import gc
import sys

import requests
from alink import errors, parts, session
from alink.errors import AlinkError
from alink.job import moving
from alink.job.http import HttpSource
from alink.job.offer import File
from clock_fakes import Clock
from reader_fakes import Reader

# Loaded beforehand they stay, with what is exchanged in them.
http_ask = parts.use("job.http_ask")
http_open = parts.use("job.http_open")

URL = "http://host/fw.bin?Signature=secret"
FILE = File(10, "md5", b"", URL)
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

    def setsockopt(self, *args):
        pass

    def write(self, data, off, n):
        n = min(100, n)  # a socket may take less than it was given
        self.sent += bytes(data[off : off + n])
        return n

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


class Unwritable(Socket):
    """Takes nothing: raises `fault`."""

    def write(self, data, off, n):
        raise self.fault


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


def raises(code, function, *args):
    try:
        function(*args)
    except AlinkError as err:
        assert err.code == code, err
        assert "secret" not in str(err)
        return err
    raise AssertionError("no error")


def source_of(**settings):
    """A source for http:// links, which has a block to use."""
    source = HttpSource(**settings)
    source.block = bytearray(4096)
    return source


def opened(answers, **settings):
    sock = Socket(answers)
    http_ask.net = http_open.socket = Sockets(sock)
    source = source_of(allow_http=True, **settings)
    assert source.open(FILE, 0, 10) == 0
    return source, sock


def reader(source):
    """A Download that does nothing but read."""
    one = Reader()
    one.source = source
    one.file = FILE
    one.size = 10
    one.stall = 1000
    one.last = moving.time.ticks_ms()
    one.stop = moving.time.ticks_add(one.last, 100000)
    return one


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
        for lookup in (exc, None):
            sock = Unwritable([])
            sock.fault = exc
            http_ask.net = http_open.socket = Sockets(sock, lookup)
            try:
                source_of(allow_http=True).open(FILE, 0, 10)
            except kind:
                assert requests.socket is real
                assert "tls" not in sys.modules
                assert lookup or sock.closed
                continue
            raise AssertionError("no error")


def test_an_interrupt_in_the_head_leaves_no_connection_open():
    sock = Socket([b"HTTP/1.1 200", KeyboardInterrupt()])
    http_ask.net = http_open.socket = Sockets(sock)
    try:
        source_of(allow_http=True).open(FILE, 0, 10)
    except KeyboardInterrupt:
        assert sock.closed
        return
    raise AssertionError("no error")


def test_a_link_is_not_sent_when_requests_has_gone_around_tls():
    class Careless:
        __path__ = ".frozen/requests"

        def get(self, url, parse_headers):
            sock = self.socket.socket()
            sock.connect(None)
            sock.write(b"GET /fw.bin?Signature=secret HTTP/1.0\r\n\r\n")
            sock.readline()

    careless = Careless()
    careless.socket = None
    sock = Socket([HEAD])
    http_ask.net = http_open.socket = Sockets(sock)
    sys.modules["requests"] = careless
    link = File(10, "md5", b"", "https://host/fw.bin?Signature=secret")
    error = raises(errors.TLS, source_of().open, link, 0, 10)
    assert error.detail.startswith("not encrypted, nothing sent")
    assert sock.sent == b""


def test_a_requests_that_reads_no_head_is_not_taken_for_an_answer():
    class Lazy:
        __path__ = ".frozen/requests"
        socket = None

        def get(self, url, parse_headers):
            pass

    sys.modules["requests"] = Lazy()
    raises(errors.HTTP_HEAD, source_of(allow_http=True).open, FILE, 0, 10)


def test_requests_sees_neither_the_path_nor_the_signature():
    class Curious:
        __path__ = ".frozen/requests"
        socket = None
        url = None

        def get(self, url, parse_headers):
            self.url = url

    sys.modules["requests"] = curious = Curious()
    raises(errors.HTTP_HEAD, source_of(allow_http=True).open, FILE, 0, 10)
    assert curious.url == "http://host/"


def test_a_misspelled_setting_is_not_passed_over():
    try:
        source_of(alow_http=True).open(FILE, 0, 10)
    except TypeError as e:
        assert "alow_http" in str(e)
        return
    raise AssertionError("no error")


def test_a_link_that_does_not_fit_the_block_is_refused():
    link = File(10, "md5", b"", "http://host/" + "x" * 4000)
    assert (
        "too long" in raises(errors.JOB_FIELD, source_of(allow_http=True).open, link, 0, 10).detail
    )


def test_a_value_error_of_tls_in_the_body_is_a_broken_link():
    source, _ = opened([HEAD, b"123", ValueError("tls")])
    one = reader(source)
    assert moving.read(one, one.view, 10) == 0
    try:
        moving.read(one, one.view, 10)
    except EOFError as e:
        assert parts.ask("job.broken", "named", *e.args).code == errors.LINK
    else:
        raise AssertionError("no error")


def test_more_than_the_body_is_never_asked_of_the_socket():
    source, sock = opened([HEAD, b"1234567890and more"])
    one = reader(source)
    assert moving.read(one, one.view, 10) == 10
    assert sock.answers == [b"and more"]


def test_a_source_that_is_closed_lets_go_of_its_connection():
    source, sock = opened([HEAD])
    source.close()
    source.close()
    assert sock.closed == 1 and source.stream is None


def test_the_head_deadline_holds_across_the_wrap_of_the_ticks():
    clock = Clock((1 << 30) - 300)
    http_open.time = session.time = clock
    http_ask.net = http_open.socket = Sockets(Socket([b"HTTP/1.1 "]))
    source = source_of(allow_http=True, head_timeout_ms=1000)
    began = clock.now
    raises(errors.TIMEOUT, source.open, FILE, 0, 10)
    assert 1000 <= clock.now - began <= 1010


def test_a_source_at_rest_holds_little():
    gc.collect()
    before = gc.mem_alloc()
    source = HttpSource(allow_http=True)
    gc.collect()
    held = gc.mem_alloc() - before
    print("HttpSource() holds", held, "bytes")
    assert 0 < held < 400
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
