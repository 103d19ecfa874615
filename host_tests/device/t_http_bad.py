# What is wrong with a server's answer, in words: whoever reads them at a desk can act on them, and
# no secret of a link is among them. MIT licence.

from alink import errors
from alink.job import http_answer, http_bad, http_head
from alink.job.http_bad import error

TOO_LONG, FOLDED, NO_HEADER, LENGTH, TWO_RANGES, ENCODING, PLACE, MISSING, PAGE, STATUS, RANGE = (
    range(11)
)


def test_each_fault_of_a_head_has_its_name_and_says_what_was_there():
    for asked, code, said in (
        ((TOO_LONG,), errors.HTTP_HEAD, "head too long"),
        ((FOLDED,), errors.HTTP_HEAD, "a folded header line"),
        ((NO_HEADER, b"hello"), errors.HTTP_HEAD, "not a header: 'hello'"),
        ((LENGTH, b"12x"), errors.HTTP_HEAD, "Content-Length '12x'"),
        ((LENGTH, b""), errors.HTTP_HEAD, "Content-Length ''"),
        ((TWO_RANGES,), errors.HTTP_HEAD, "two different Content-Range"),
        ((PAGE,), errors.HTTP_HEAD, "no Content-Length, a web page"),
        ((ENCODING, b"chunked"), errors.HTTP_CHUNKED, "Transfer-Encoding 'chunked'"),
        ((PLACE, b"https://cdn/x", 302), errors.HTTP_REDIRECT, "HTTP 302 to https://cdn/x"),
        ((PLACE, None, 301), errors.HTTP_REDIRECT, "HTTP 301 to nowhere"),
        ((MISSING, False, 10, 20), errors.HTTP_LENGTH, "10 bytes, not 20"),
        ((MISSING, True, 10, 20), errors.HTTP_LENGTH, "10 bytes, not 20, a web page"),
        ((STATUS, b"HTTP/1.1 404 Not Found", 404), errors.HTTP_STATUS, "HTTP 404"),
        ((STATUS, b"SSH-2.0-x", -1), errors.HTTP_HEAD, "not HTTP: 'SSH-2.0-x'"),
        ((STATUS, b"HTTP/1.1 99", 99), errors.HTTP_HEAD, "not HTTP: 'HTTP/1.1 99'"),
        ((RANGE, None, 5, 20), errors.HTTP_HEAD, "206 without Content-Range"),
    ):
        e = error(*asked)
        assert (e.code, e.detail) == (code, said), e


def test_a_link_that_is_over_is_told_apart_so_that_a_fresh_one_is_asked_for():
    for status in range(100, 600):
        expired = status in (403, 410)
        wanted = errors.EXPIRED if expired else errors.HTTP_STATUS
        assert error(STATUS, b"HTTP/1.1 x", status).code == wanted, status


def test_another_file_at_the_link_is_no_fault_of_the_head():
    # Its length says so: the package was exchanged, which another try does not mend.
    for value, code in (
        (b"bytes 5-29/30", errors.HTTP_LENGTH),
        (b"bytes 5-29/ 30 ", errors.HTTP_LENGTH),
        (b"bytes 6-19/20", errors.HTTP_HEAD),  # of this file, but not what was asked for
        (b"bytes 5-19/*", errors.HTTP_HEAD),
        (b"bytes", errors.HTTP_HEAD),
        (b"", errors.HTTP_HEAD),
        (b"bytes 5-29/1234567890", errors.HTTP_HEAD),  # no size of anything
    ):
        e = error(RANGE, value, 5, 20)
        assert e.code == code, (value, e)
        assert "not from 5 or not of 20" in e.detail


def test_no_words_of_a_server_tell_the_signature_of_a_link():
    secret = b"auth_key=s3cret"
    for asked in (
        (PLACE, b"https://user:pass@cdn/x?" + secret, 302),
        (NO_HEADER, b"GET /fw.bin?" + secret),
        (NO_HEADER, secret),
        (LENGTH, b"?" + secret),
        (ENCODING, b"x=" + secret),
        (STATUS, b"<p>/fw.bin?" + secret, -1),
        (RANGE, b"bytes /fw?" + secret, 0, 9),
    ):
        said = error(*asked).text()
        assert "s3cret" not in said and "pass" not in said, said


def test_no_words_of_a_server_fill_a_console_or_take_control_of_it():
    for asked in (
        (NO_HEADER, b"\x1b[2J\x7f\r\n\0\xff" + b"x" * 1000),
        (PLACE, b"https://\x1b[2J\xc3\xa9/" + b"x" * 1000, 302),
        (NO_HEADER, b"x" * 1000),
        (STATUS, b"\x07" * 1000, -1),
        (RANGE, b"\x1b" + b"9" * 1000, 0, 9),
    ):
        e = error(*asked)
        assert len(e.detail) < 140, e.detail
        for letter in e.detail:
            assert " " <= letter <= "~", e.detail
        assert len(e.text(128)) <= 128
    place = b"https://cdn.example.net/" + b"x" * 1000
    assert len(error(PLACE, place, 302).detail) == len("HTTP 302 to ") + 120
    assert error(NO_HEADER, b"x" * 1000).detail == "not a header: '%s'" % ("x" * 40)


def test_those_who_read_and_judge_heads_mean_the_same_by_their_numbers():
    # Constants of the compiler, in all files: see what a real head is answered with.
    class Wire:
        def __init__(self, head):
            self.head = head
            self.at = 0
            self.sock = self

        def readinto(self, buf, n):
            buf[0] = self.head[self.at]
            self.at += 1
            return 1

    http_bad.keep = http_head.keep = http_answer.keep = True
    block = bytearray(4096)
    for head, said in (
        (b"HTTP/1.1 200 OK\r\nA: " + b"x" * 1100, "head too long"),
        (b"HTTP/1.1 200 OK\r\nA: x\r\n y: z\r\n\r\n", "a folded header line"),
        (b"HTTP/1.1 200 OK\r\nnone\r\n\r\n", "not a header: 'none'"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "Content-Length 'x'"),
        (
            b"HTTP/1.1 206 P\r\nContent-Range: a\r\nContent-Range: b\r\n\r\n",
            "two different Content-Range",
        ),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "Transfer-Encoding 'gzip'"),
        (b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", "HTTP 302 to /x"),
        (b"HTTP/1.1 302 Found\r\n\r\n", "HTTP 302 to nowhere"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "5 bytes, not 20"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n",
            "no Content-Length, a web page",
        ),
        (b"HTTP/1.1 500 Oh\r\n", "HTTP 500"),
        (b"HTTP/1.1 206 P\r\n\r\n", "206 without Content-Range"),
    ):
        try:
            http_answer._start(block, http_head._read(Wire(head), block), 0, 20)
        except EOFError as e:
            e = http_bad.error(*e.args)
            assert e.detail == said, e
        else:
            raise AssertionError(said)
