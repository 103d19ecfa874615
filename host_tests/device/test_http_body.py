"""The body of a download: every byte of it, none beyond it, and no heap for any of it."""

from __future__ import annotations

import hashlib
import random
from typing import Any

import pytest

from host_tests.kit.hostile_http import HostileServer, Talk, answer, answer_and_hang
from host_tests.kit.http_download import BODY, Outcome, download, fetch, fetch_plain, trusted

SIZE = len(BODY)
MD5 = hashlib.md5(BODY).hexdigest()
OK = f"HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n".encode()
IMAGE_SIZE = 1_672_976  # a stock ESP32 firmware

both = pytest.mark.parametrize("run", [fetch, fetch_plain], ids=["https", "http"])


def odd_sized(data: bytes) -> list[bytes]:
    """Cut into pieces of 1 to 9000 bytes, the same ones in each run."""
    sizes = random.Random(20)
    pieces = []
    at = 0
    while at < len(data):
        size = sizes.choice([1, 2, 7, 100, 1459, 4095, 4096, 4097, 9000])
        pieces.append(data[at : at + size])
        at += size
    return pieces


@both
def test_a_full_image_in_odd_sized_pieces_arrives_without_using_the_heap(run: Any) -> None:
    image = random.Random(5).randbytes(IMAGE_SIZE)
    pieces = odd_sized(image)

    def script(talk: Talk) -> None:
        talk.read_request()
        talk.send(f"HTTP/1.1 200 OK\r\nContent-Length: {IMAGE_SIZE}\r\n\r\n".encode())
        for number, piece in enumerate(pieces):
            talk.send(piece)
            if number % 4 == 0:
                talk.pause(0.0005)  # so that the device meets the middle of a chunk

    outcome: Outcome = run(script, size=IMAGE_SIZE, lock=True)
    assert (outcome.error, outcome.left) == (None, 0)
    assert outcome.md5 == hashlib.md5(image).hexdigest()
    assert outcome.waits > 100  # that many times a chunk was there in part or not at all


@both
def test_no_byte_of_the_body_is_lost_when_it_comes_along_with_the_head(run: Any) -> None:
    # One write, so one TLS record: head and body arrive in the same read.
    assert run(answer_and_hang(OK + BODY)).md5 == MD5


def test_the_first_byte_of_the_body_is_not_taken_for_the_heads_when_it_comes_alone() -> None:
    def script(talk: Talk) -> None:
        talk.read_request()
        talk.drip(OK, 0.001)
        talk.drip(BODY[:50], 0.001)
        talk.send(BODY[50:])

    assert fetch(script, lock=True).md5 == MD5


@both
def test_bytes_behind_the_told_length_are_not_read(run: Any) -> None:
    outcome = run(answer_and_hang(OK + BODY + b"and more" * 1000))
    assert (outcome.error, outcome.md5) == (None, MD5)


@pytest.mark.parametrize("size", [1, 4095, 4096, 4097, 8192])
def test_every_size_of_a_last_chunk_comes_through(size: int) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {size}"
    outcome = fetch(answer(head, BODY[:size]), size=size, lock=True)
    assert (outcome.error, outcome.left) == (None, 0)
    assert outcome.md5 == hashlib.md5(BODY[:size]).hexdigest()


@pytest.mark.parametrize("sent", [0, 1, 4096, SIZE - 1])
@both
def test_a_connection_closed_early_is_a_broken_link_and_says_how_early(
    run: Any, sent: int
) -> None:
    def script(talk: Talk) -> None:
        talk.read_request()
        talk.send(OK + BODY[:sent])

    outcome = run(script)
    assert outcome.error == "link"
    assert outcome.left == SIZE - sent // 4096 * 4096  # whole chunks only were handed on
    if run is fetch_plain:
        assert f"closed {SIZE - sent} bytes early" in outcome.text


@both
def test_a_reset_in_the_body_is_a_broken_link(run: Any) -> None:
    def script(talk: Talk) -> None:
        talk.read_request()
        talk.send(OK + BODY[:5000])
        talk.reset()

    assert run(script).error == "link"


def test_a_record_forged_on_the_way_breaks_the_download() -> None:
    def script(talk: Talk) -> None:
        talk.read_request()
        talk.send(OK + BODY[:5000])
        # Straight onto the wire, past TLS: an application record nobody has encrypted.
        talk.below(b"\x17\x03\x03\x00\x40" + b"\x00" * 64)
        talk.hang()

    outcome = fetch(script)
    assert outcome.error == "link"
    assert outcome.left == SIZE - 4096


def test_a_broken_download_goes_on_where_it_stopped() -> None:
    def script(talk: Talk) -> None:
        request = talk.read_request()
        start = int(request.split(b"bytes=")[1].split(b"-")[0])
        talk.send(
            f"HTTP/1.1 206 Partial Content\r\nContent-Length: {SIZE - start}\r\n"
            f"Content-Range: bytes {start}-{SIZE - 1}/{SIZE}\r\n\r\n".encode()
        )
        talk.send(BODY[start : start + 5000])

    with HostileServer(script, trusted()) as server:
        broken = download(server.url())
        assert broken.error == "link"
        rest = download(server.url(), offset=SIZE - broken.left)
        assert rest.error == "link"
        last = download(server.url(), offset=SIZE - rest.left)
    assert (broken.left, rest.left, last.left) == (SIZE - 4096, SIZE - 8192, 0)
    assert last.md5 == hashlib.md5(BODY[8192:]).hexdigest()
