"""The stand-in's downloads: links that hold for one device and a time, ranges, and each fault."""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from host_tests.kit.raw_http import fetch
from host_tests.kit.raw_mqtt import DN, PK, SECRET, TIMEOUT_S
from tools.cloud import LocalCloud

IMAGE = bytes(hashlib.sha256(b"seed").digest()[n % 32] ^ n & 255 for n in range(300_000))


def prepare(cloud: LocalCloud) -> None:
    cloud.add_device(PK, DN, SECRET)
    cloud.add_release(PK, "1.1.0", IMAGE)


def link_of(cloud: LocalCloud, scheme: str = "https") -> str:
    return cloud.link(PK, DN, "1.1.0", scheme=scheme)


def ended(cloud: LocalCloud, how: str = "complete") -> None:
    """Wait until the last request is over."""
    cloud.wait_for(
        lambda: bool(cloud.downloads) and cloud.downloads[-1].ended == how,
        TIMEOUT_S,
        f"a {how} download",
    )


# --- the honest server ---


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_a_good_link_gives_the_file(cloud: LocalCloud, scheme: str) -> None:
    reply = fetch(cloud, link_of(cloud, scheme))
    assert (reply.status, reply.body) == (200, IMAGE)
    assert reply.headers["Content-Length"] == str(len(IMAGE))
    ended(cloud)
    (record,) = cloud.downloads
    assert (record.status, record.range_start, record.bytes_sent) == (200, None, len(IMAGE))
    assert (record.device, record.scheme) == (f"{PK}/{DN}", scheme)


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-", 0, 299_999),
        ("bytes=100000-", 100_000, 299_999),
        ("bytes=299999-", 299_999, 299_999),
        ("bytes=5-9", 5, 9),
        ("bytes=299990-400000", 299_990, 299_999),
        ("bytes=-7", 299_993, 299_999),
        ("bytes=-400000", 0, 299_999),
    ],
)
def test_a_range_is_answered_with_206_and_says_which(
    cloud: LocalCloud, asked: str, start: int, end: int
) -> None:
    reply = fetch(cloud, link_of(cloud), range_=asked)
    assert reply.status == 206
    assert reply.body == IMAGE[start : end + 1]
    assert reply.headers["Content-Range"] == f"bytes {start}-{end}/300000"
    assert reply.headers["Content-Length"] == str(end - start + 1)
    ended(cloud)
    assert cloud.downloads[-1].range_start == start
    assert cloud.downloads[-1].bytes_sent == end - start + 1


@pytest.mark.parametrize("asked", ["bytes=300000-", "bytes=-0"])
def test_a_range_without_a_byte_is_416(cloud: LocalCloud, asked: str) -> None:
    reply = fetch(cloud, link_of(cloud), range_=asked)
    assert reply.status == 416
    assert reply.headers["Content-Range"] == "bytes */300000"


@pytest.mark.parametrize("asked", ["bytes=", "bytes=-", "bytes=9-5", "bytes=0-1,5-6", "lines=1-"])
def test_a_range_that_is_none_gives_the_whole_file(cloud: LocalCloud, asked: str) -> None:
    reply = fetch(cloud, link_of(cloud), range_=asked)
    assert (reply.status, len(reply.body)) == (200, len(IMAGE))


def test_head_tells_the_length_and_sends_nothing(cloud: LocalCloud) -> None:
    reply = fetch(cloud, link_of(cloud), method="HEAD")
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["Content-Length"] == str(len(IMAGE))


def test_other_methods_are_refused(cloud: LocalCloud) -> None:
    assert fetch(cloud, link_of(cloud), method="POST").status == 405


def test_a_link_is_as_long_as_a_real_one_and_new_each_time(cloud: LocalCloud) -> None:
    first, second = link_of(cloud), link_of(cloud)
    assert len(first) >= 600
    assert first != second


def test_an_edited_link_is_403_wherever_it_was_edited(cloud: LocalCloud) -> None:
    link = link_of(cloud, "http")
    start = link.index("/ota/")
    for at in range(start + 5, len(link), 23):
        edited = link[:at] + ("a" if link[at] != "a" else "b") + link[at + 1 :]
        assert fetch(cloud, edited).status in (403, 404), edited
    for edited in (link[:-1], link + "0", link + "&x=1", link.partition("?")[0], link[:-64]):
        assert fetch(cloud, edited).status == 403
    assert all(d.bytes_sent == 0 and d.ended == "refused" for d in cloud.downloads)


def test_a_link_cannot_be_turned_into_another_devices(cloud: LocalCloud) -> None:
    cloud.add_device(PK, "other")
    link = link_of(cloud)
    assert f"dn={DN}" in link
    assert fetch(cloud, link.replace(f"dn={DN}", "dn=other")).status == 403


def test_a_link_ends_after_its_24_hours(cloud: LocalCloud) -> None:
    link = link_of(cloud)
    cloud.advance(86_390)
    assert fetch(cloud, link).status == 200
    cloud.advance(20)
    assert fetch(cloud, link).status == 403
    assert fetch(cloud, link_of(cloud)).status == 200


def test_a_link_outlives_a_restart(tmp_path: Path) -> None:
    with LocalCloud(tmp_path) as cloud:
        cloud.add_device(PK, DN, SECRET)
        cloud.add_release(PK, "1.1.0", IMAGE)
        link, old = link_of(cloud), cloud.https_port
    with LocalCloud(tmp_path) as cloud:
        moved = link.replace(f":{old}/", f":{cloud.https_port}/")
        assert fetch(cloud, moved).body == IMAGE


@pytest.mark.parametrize(
    "path",
    ["/", "/ota/1/x", "/../cloud.sqlite", "/ota/../../ca-key.pem", "/%2e%2e/cloud.sqlite", "//x"],
)
def test_no_path_leads_out_of_the_releases(cloud: LocalCloud, path: str) -> None:
    query = link_of(cloud).partition("?")[2]
    for target in (path, f"{path}?{query}"):
        reply = fetch(cloud, f"https://localhost:{cloud.https_port}{target}")
        assert reply.status in (403, 404)
        assert b"SQLite" not in reply.body
        assert b"PRIVATE" not in reply.body


def test_the_record_has_no_secret_of_the_link(cloud: LocalCloud) -> None:
    link = link_of(cloud)
    fetch(cloud, link)
    fetch(cloud, link[:-1] + "!")
    shown = repr((cloud.downloads, cloud.notes))
    assert "auth_key" not in shown
    assert link[-64:-1] not in shown


def test_a_device_that_goes_away_is_recorded_as_broken(cloud: LocalCloud) -> None:
    cloud.add_release(PK, "big", bytes(30_000_000))
    fetch(cloud, cloud.link(PK, DN, "big"), stop_after=100_000)
    ended(cloud, "broken")
    assert 0 < cloud.downloads[-1].bytes_sent < 30_000_000


@pytest.mark.parametrize("faulty", [False, True])
def test_bytes_that_are_no_request_do_not_hurt(cloud: LocalCloud, faulty: bool) -> None:
    cloud.faults.chunked = faulty
    for junk in (b"\0\xff\r\n\r\n", b"GET\r\n\r\n", b"A" * 100_000, b"GET / HTTP/9\r\n\r\n"):
        sock = socket.create_connection(("127.0.0.1", cloud.http_port), TIMEOUT_S)
        with sock, suppress(ConnectionError):
            sock.sendall(junk)
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(4096):
                pass
    cloud.faults.chunked = False
    assert fetch(cloud, link_of(cloud)).body == IMAGE


# --- faults ---


def test_a_range_can_be_answered_with_the_whole_file(cloud: LocalCloud) -> None:
    cloud.faults.ignore_range = True
    reply = fetch(cloud, link_of(cloud), range_="bytes=1000-")
    assert (reply.status, reply.body) == (200, IMAGE)
    assert "Content-Range" not in reply.headers


def test_links_can_expire_early(cloud: LocalCloud) -> None:
    cloud.faults.expire_after_s = 60
    link = link_of(cloud)
    assert fetch(cloud, link).status == 200
    cloud.advance(61)
    assert fetch(cloud, link).status == 403
    assert fetch(cloud, link_of(cloud)).status == 200


def test_the_next_requests_can_be_403_or_another_status(cloud: LocalCloud) -> None:
    link = link_of(cloud)
    cloud.faults.expire_next = 2
    assert [fetch(cloud, link).status for _ in range(3)] == [403, 403, 200]
    cloud.faults.status, cloud.faults.status_next = 500, 1
    assert [fetch(cloud, link).status for _ in range(2)] == [500, 200]


def test_a_redirect_points_where_it_was_told(cloud: LocalCloud) -> None:
    link = link_of(cloud)
    cloud.faults.redirect_next = 1
    reply = fetch(cloud, link)
    assert reply.status == 302
    assert urlsplit(reply.headers["Location"])[2:] == urlsplit(link)[2:]
    cloud.faults.redirect_next, cloud.faults.redirect_to = 1, "https://elsewhere.example/x"
    assert fetch(cloud, link).headers["Location"] == "https://elsewhere.example/x"


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_a_cut_sends_so_many_bytes_and_no_more(cloud: LocalCloud, scheme: str) -> None:
    cloud.faults.cut_after, cloud.faults.cut_times = 123_457, 2
    link = link_of(cloud, scheme)
    for _ in range(2):
        reply = fetch(cloud, link)
        assert reply.headers["Content-Length"] == "300000"
        assert reply.body == IMAGE[:123_457]
        # A dropped link does not say good-bye.
        assert reply.clean == (scheme == "http")
        ended(cloud, "cut")
        assert cloud.downloads[-1].bytes_sent == 123_457
    assert fetch(cloud, link, range_="bytes=123457-").body == IMAGE[123_457:]
    ended(cloud)
    assert cloud.downloads[-1].bytes_sent == len(IMAGE) - 123_457


@pytest.mark.parametrize("delta", [-1, 1, 5000])
def test_the_length_told_can_be_wrong(cloud: LocalCloud, delta: int) -> None:
    cloud.faults.content_length_delta = delta
    reply = fetch(cloud, link_of(cloud))
    assert reply.headers["Content-Length"] == str(len(IMAGE) + delta)
    assert reply.body == IMAGE


@pytest.mark.parametrize("case", ["lower", "upper"])
def test_header_names_can_be_spelled_otherwise(cloud: LocalCloud, case: str) -> None:
    cloud.faults.header_case = case
    reply = fetch(cloud, link_of(cloud), range_="bytes=1-")
    assert getattr("Content-Length", case)() in reply.headers
    assert getattr("Content-Range", case)() in reply.headers
    assert reply.body == IMAGE[1:]


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_a_stall_sends_so_many_bytes_and_stays_open(cloud: LocalCloud, scheme: str) -> None:
    cloud.faults.stall_after = 70_001
    reply = fetch(cloud, link_of(cloud, scheme), silent_after=70_001)
    assert reply.body == IMAGE[:70_001]
    assert reply.clean
    ended(cloud, "stalled")


def test_a_drip_comes_in_small_pieces(cloud: LocalCloud) -> None:
    cloud.add_release(PK, "small", IMAGE[:100])
    cloud.faults.drip_bytes, cloud.faults.drip_delay_s, cloud.faults.drip_head = 10, 0.01, True
    reply = fetch(cloud, cloud.link(PK, DN, "small", scheme="http"))
    assert reply.body == IMAGE[:100]
    assert reply.pieces > 20


def test_odd_pieces_are_odd_the_same_each_time_and_complete(cloud: LocalCloud) -> None:
    cloud.faults.odd_pieces = 7
    link = link_of(cloud)
    replies = [fetch(cloud, link) for _ in range(2)]
    assert all(reply.body == IMAGE for reply in replies)
    # Each piece is a TLS record of its own.
    assert all(reply.pieces > 80 for reply in replies)
    assert fetch(cloud, link, range_="bytes=99999-").body == IMAGE[99_999:]


def test_a_body_can_be_chunked(cloud: LocalCloud) -> None:
    cloud.faults.chunked = True
    reply = fetch(cloud, link_of(cloud))
    assert reply.headers["Transfer-Encoding"] == "chunked"
    assert "Content-Length" not in reply.headers
    body, rest = b"", reply.body
    while True:
        size, _, rest = rest.partition(b"\r\n")
        count = int(size, 16)
        if not count:
            break
        body, rest = body + rest[:count], rest[count + 2 :]
    assert body == IMAGE


def test_a_header_line_can_be_far_too_long(cloud: LocalCloud) -> None:
    cloud.faults.long_header = 20_000
    assert len(fetch(cloud, link_of(cloud)).head) > 20_000


def test_both_servers_look_the_same_to_a_device(cloud: LocalCloud) -> None:
    link = link_of(cloud)
    for range_ in (None, "bytes=1000-", "bytes=300000-"):
        honest = fetch(cloud, link, range_=range_)
        cloud.faults.odd_pieces, cloud.faults.odd_max = 1, 10**9
        bent = fetch(cloud, link, range_=range_)
        cloud.faults.odd_pieces = None
        plain = re.compile(rb"HTTP/1.1 (\d+) [^\r]*")
        assert plain.sub(rb"\1", honest.head) == plain.sub(rb"\1", bent.head)
        assert honest.body == bent.body


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_closing_the_stand_in_ends_downloads_that_stall(tmp_path: Path, scheme: str) -> None:
    with LocalCloud(tmp_path) as cloud:
        cloud.add_device(PK, DN, SECRET)
        cloud.add_release(PK, "1.1.0", IMAGE)
        cloud.faults.stall_after = 10
        parts = urlsplit(link_of(cloud, scheme))
        sock: socket.socket = socket.create_connection(("127.0.0.1", parts.port or 0), TIMEOUT_S)
        if scheme == "https":
            context = ssl.create_default_context(cadata=cloud.ca_der)
            sock = context.wrap_socket(sock, server_hostname="localhost")
        sock.sendall(f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        ended(cloud, "stalled")
    with sock, suppress(OSError):
        while sock.recv(65536):
            pass


@pytest.mark.parametrize("kind", ["expired", "not-yet-valid", "wrong-host", "other-ca"])
def test_a_bad_certificate_is_bad_and_only_where_it_was_asked_for(
    tmp_path: Path, kind: str
) -> None:
    with LocalCloud(tmp_path, https_certificate=kind) as cloud:
        context = ssl.create_default_context(cadata=cloud.ca_der)
        for port, good in ((cloud.https_port, False), (cloud.mqtts_port, True)):
            for host in ("localhost", "127.0.0.1"):
                with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as sock:
                    if good:
                        context.wrap_socket(sock, server_hostname=host).close()
                        continue
                    with pytest.raises(ssl.SSLCertVerificationError):
                        context.wrap_socket(sock, server_hostname=host)
