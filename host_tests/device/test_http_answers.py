"""What the download makes of a server's answer: every useless one is named before the body."""

from __future__ import annotations

import hashlib

import pytest

from host_tests.kit.hostile_http import HostileServer, Talk, answer
from host_tests.kit.http_download import BODY, QUERY, download, fetch, fetch_plain, trusted

MD5 = hashlib.md5(BODY).hexdigest()
SIZE = len(BODY)
OK = f"HTTP/1.1 200 OK\r\nContent-Length: {SIZE}"


def part(first: int, total: object = SIZE, last: int = SIZE - 1) -> str:
    """The head of a 206 whose Content-Length fits the range asked for (from 4096 on)."""
    return (
        f"HTTP/1.1 206 Partial Content\r\nContent-Length: {SIZE - 4096}\r\n"
        f"Content-Range: bytes {first}-{last}/{total}"
    )


@pytest.mark.parametrize(
    "head",
    [
        OK,
        f"HTTP/1.0 200\r\ncontent-length:{SIZE}",
        f"HTTP/1.1 200 OK\r\nCONTENT-LENGTH \t:  {SIZE} \t",
        f"HTTP/1.1 200 OK\r\nX-Long: {'x' * 1000}\r\nCoNtEnT-lEnGtH: {SIZE}",
        f"{OK}\r\nContent-Length: {SIZE}",
        f"{OK}\r\nTransfer-Encoding: identity",
        f"{OK}\r\nLocation: /somewhere-else",
        f"HTTP/1.1 206 Partial\r\nContent-Length: {SIZE}\r\ncontent-range: Bytes 0-9999/{SIZE}",
    ],
    ids=["plain", "lower-case", "blanks", "long", "twice", "identity", "location", "206-to-0"],
)
def test_a_good_answer_is_understood_however_it_is_spelled(head: str) -> None:
    outcome = fetch(answer(head, BODY))
    assert (outcome.error, outcome.start, outcome.md5) == (None, 0, MD5)


def test_bare_line_feeds_do_not_shift_the_body() -> None:
    head = OK.replace("\r\n", "\n")

    def script(talk: Talk) -> None:
        talk.read_request()
        talk.send(head.encode() + b"\n\n" + BODY)

    assert fetch(script).md5 == MD5


@pytest.mark.parametrize("tls", [True, False], ids=["https", "http"])
def test_the_request_carries_range_host_and_the_whole_signed_link(tls: bool) -> None:
    with HostileServer(answer(OK, BODY), trusted() if tls else None) as server:
        url = server.url(f"/a/b.bin?{QUERY}")
        outcome = download(url, allow_http=True)
    assert outcome.error is None
    lines = server.requests[0].decode().split("\r\n")
    method, target, _ = lines[0].split(" ")
    assert (method, target) == ("GET", f"/a/b.bin?{QUERY}")
    assert {
        f"Host: localhost:{server.port}",
        "Range: bytes=0-",
        "User-Agent: alink/1",
        "Connection: close",
    } <= set(lines)
    assert server.connections == 1


def test_a_resume_asks_for_the_rest_and_gets_only_the_rest() -> None:
    with HostileServer(answer(part(4096), BODY[4096:]), trusted()) as server:
        outcome = download(server.url(), offset=4096)
    assert (outcome.error, outcome.start) == (None, 4096)
    assert outcome.md5 == hashlib.md5(BODY[4096:]).hexdigest()
    assert b"Range: bytes=4096-\r\n" in server.requests[0]


def test_a_server_that_ignores_the_range_makes_the_download_start_again() -> None:
    outcome = fetch(answer(OK, BODY), offset=4096)
    assert (outcome.error, outcome.start, outcome.md5) == (None, 0, MD5)


@pytest.mark.parametrize(
    ("head", "error", "said"),
    [
        (part(0), "http-head", "not from 4096"),
        (part(4095), "http-head", "not from 4096"),
        (part(4096, last=SIZE), "http-head", "not from 4096"),
        (part(4096, total=SIZE + 1), "http-length", f"not of {SIZE}"),
        (part(4096, total="*"), "http-head", "/*"),
        (part(4096).replace("bytes ", "lines "), "http-head", "lines"),
        (part(4096).split("\r\nContent-Range")[0], "http-head", "without Content-Range"),
        (part(4096) + f"\r\nContent-Range: bytes 1-2/{SIZE}", "http-head", "two different"),
        ("HTTP/1.1 416 Nope\r\nContent-Length: 0", "http-status", "416"),
        (part(4096).replace(f"{SIZE - 4096}", f"{SIZE}", 1), "http-length", f"{SIZE} bytes"),
    ],
    ids=[
        "from-zero", "one-early", "wrong-end", "wrong-total", "no-total", "unit", "no-range",
        "two-ranges", "416", "length-of-all",
    ],
)  # fmt: skip
def test_a_resume_never_takes_bytes_from_the_wrong_place(head: str, error: str, said: str) -> None:
    outcome = fetch(answer(head, BODY), offset=4096)
    assert (outcome.error, outcome.start) == (error, None)
    assert said in outcome.text


@pytest.mark.parametrize("status", [403, 410])
def test_an_expired_link_is_told_apart_so_that_a_fresh_one_is_asked_for(status: int) -> None:
    outcome = fetch(answer(f"HTTP/1.1 {status} No\r\nContent-Length: 0"))
    assert outcome.error == "link-expired"
    assert str(status) in outcome.text


@pytest.mark.parametrize("status", [100, 201, 204, 304, 400, 404, 416, 429, 500, 503])
def test_any_other_status_is_reported_with_its_number(status: int) -> None:
    location = "\r\nLocation: /elsewhere" if status in (201, 304, 404) else ""
    outcome = fetch(answer(f"HTTP/1.1 {status} Oh{location}\r\nContent-Length: {SIZE}", BODY))
    assert outcome.error == "http-status"
    assert f"HTTP {status}" in outcome.text


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", ["/next", "http://127.0.0.1:9/x", None])
def test_a_redirect_is_refused_and_never_followed(status: int, location: str | None) -> None:
    name = "location" if status % 2 else "Location"
    head = f"HTTP/1.1 {status} Moved\r\nContent-Length: 0"
    if location:
        head += f"\r\n{name}: {location}?{QUERY}"
    with HostileServer(answer(head), trusted()) as server:
        outcome = download(server.url(f"/fw.bin?{QUERY}"))
    assert outcome.error == "http-redirect"
    assert f"HTTP {status} to {location or 'nowhere'}" in outcome.text
    assert server.connections == 1


@pytest.mark.parametrize(
    "header",
    ["Transfer-Encoding: chunked", "transfer-encoding:Chunked", "TRANSFER-ENCODING: gzip"],
)
@pytest.mark.parametrize("with_length", [True, False])
def test_a_chunked_body_is_refused_not_written_to_flash(header: str, with_length: bool) -> None:
    head = f"{OK}\r\n{header}" if with_length else f"HTTP/1.1 200 OK\r\n{header}"
    assert fetch(answer(head, b"5\r\nhello\r\n0\r\n\r\n")).error == "http-chunked"


@pytest.mark.parametrize(
    "length",
    [
        "", -SIZE, f"+{SIZE}", f"0x{SIZE:x}", "many", f"{SIZE}.0", f"{SIZE}, {SIZE}", 2**30, 2**31,
        2**63, 2**64 + SIZE, "9" * 900, f"{SIZE}\r\nContent-Length: {SIZE - 1}",
        f"{SIZE - 1}\r\nContent-Length: {SIZE}",
    ],
)  # fmt: skip
def test_a_length_that_is_none_is_the_servers_fault_and_not_the_packages(length: object) -> None:
    outcome = fetch(answer(f"HTTP/1.1 200 OK\r\nContent-Length: {length}", BODY))
    assert (outcome.error, outcome.start) == ("http-head", None)


@pytest.mark.parametrize("length", [0, SIZE - 1, SIZE + 1, 2**30 - 1])
def test_a_length_that_is_not_the_jobs_is_refused_before_the_body(length: int) -> None:
    outcome = fetch(answer(f"HTTP/1.1 200 OK\r\nContent-Length: {length}", BODY))
    assert (outcome.error, outcome.start) == ("http-length", None)


def test_an_answer_without_a_length_is_taken_since_the_job_knows_it() -> None:
    outcome = fetch(answer("HTTP/1.0 200 OK", BODY))
    assert (outcome.error, outcome.start, outcome.md5) == (None, 0, MD5)
    head = "\r\n".join(line for line in part(4096).split("\r\n") if "-Length" not in line)
    outcome = fetch(answer(head, BODY[4096:]), offset=4096)
    assert (outcome.error, outcome.start) == (None, 4096)
    assert outcome.md5 == hashlib.md5(BODY[4096:]).hexdigest()


@pytest.mark.parametrize("length", [None, 512])
def test_a_proxys_page_is_named_and_never_taken_for_the_file(length: int | None) -> None:
    head = "HTTP/1.1 200 OK\r\ncontent-type: Text/HTML; charset=utf-8"
    if length is not None:
        head += f"\r\nContent-Length: {length}"
    outcome = fetch(answer(head, b"<html>" * 2000))
    assert outcome.error == ("http-head" if length is None else "http-length")
    assert "a web page" in outcome.text
    assert outcome.start is None


@pytest.mark.parametrize(
    "data",
    [
        b"<html>no head at all, as HTTP/0.9 had it</html>\n",
        b"\r\n\r\n",
        b"\x00\xff\xfe\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 2OO OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 0200 OK\r\n\r\n",
        b"HTTP/1.1 -20 OK\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"ICY 200 OK\r\n\r\n",
        OK.encode() + b"\r\nno colon here\r\n\r\n",
        OK.encode() + b"\r\n: no name\r\n\r\n",
        OK.encode() + b"\r\nX: 1\r\n Content-Length: 5\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"/fw.bin?Signature=f0rgeMe is not on this server\r\n\r\n",
    ],
)
@pytest.mark.parametrize("run", [fetch, fetch_plain], ids=["https", "http"])
def test_a_garbled_head_is_named_and_never_taken_for_a_file(data: bytes, run) -> None:  # type: ignore[no-untyped-def]
    def script(talk: Talk) -> None:
        talk.read_request()
        talk.send(data)
        talk.hang()

    outcome = run(script)
    assert (outcome.error, outcome.start) == ("http-head", None)
    assert outcome.text.isprintable()


@pytest.mark.parametrize("sent", [b"", b"HTT", OK.encode(), OK.encode() + b"\r\n"])
def test_a_head_cut_short_is_a_broken_link_to_be_tried_again(sent: bytes) -> None:
    def script(talk: Talk) -> None:
        talk.read_request()
        talk.send(sent)

    assert fetch(script).error == fetch_plain(script).error == "link"
