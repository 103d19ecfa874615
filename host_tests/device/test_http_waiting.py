"""A slow or silent server holds one step of the download no longer than its documented bound."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from host_tests.kit.hostile_http import HostileServer, Script, Talk, answer_and_hang, deaf_port
from host_tests.kit.http_download import BODY, Outcome, download, fetch, fetch_plain

SIZE = len(BODY)
OK = f"HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n".encode()
SLOW_MS = 20_000  # what a busy machine may add to a bound; without one it would be for ever

both = pytest.mark.parametrize("run", [fetch, fetch_plain], ids=["https", "http"])


def hang(talk: Talk) -> None:
    """Take the connection and say nothing, ever."""
    talk.hang()


def check(outcome: Outcome, error: str, bound_ms: int) -> None:
    """It ended with that error, not before and not long after the bound."""
    assert outcome.error == error, outcome
    assert bound_ms - 100 <= outcome.open_ms < bound_ms + SLOW_MS, outcome


def test_a_host_that_answers_no_connection_costs_only_the_connect_timeout() -> None:
    with deaf_port() as port:
        check(download(f"https://127.0.0.1:{port}/fw.bin", connect_ms=400), "timeout", 400)


def test_a_closed_port_is_a_broken_link_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    outcome = download(f"https://127.0.0.1:{port}/fw.bin")
    assert (outcome.error, outcome.open_ms < SLOW_MS) == ("link", True)


def test_a_host_that_does_not_exist_is_a_broken_link() -> None:
    # A label of 64 characters is no name: known without asking anybody.
    outcome = download(f"https://{'x' * 64}.invalid/fw.bin")
    assert outcome.error == "link"
    assert "looking up the host" in outcome.text


def bare(script: Script, **told: Any) -> Outcome:
    """An https:// link to a server that speaks no TLS but what the script sends."""
    with HostileServer(script, None) as server:
        return download(f"https://localhost:{server.port}/fw.bin", **told)


def test_a_handshake_that_stalls_costs_only_the_connect_timeout() -> None:
    check(bare(hang, connect_ms=500), "timeout", 500)


def test_a_handshake_for_which_there_is_no_room_is_short_of_memory_and_not_of_a_network() -> None:
    # What is free is looked at before requests closes what it has opened.
    assert bare(hang, connect_ms=500, idf=9000).error == "no-memory"
    assert bare(hang, connect_ms=500, idf=20000).error == "timeout"


def test_a_handshake_that_dribbles_costs_only_the_connect_timeout() -> None:
    # A TLS record of 4 KiB is announced and comes byte by byte.
    record = b"\x16\x03\x03\x10\x00\x02\x00\x0f\xfc\x03\x03" + bytes(4000)
    check(bare(lambda talk: talk.drip(record, 0.02), connect_ms=500), "timeout", 500)


def test_a_handshake_broken_off_is_a_broken_link_to_be_tried_again() -> None:
    assert bare(lambda talk: None).error == "link"
    assert bare(Talk.reset).error == "link"


def test_a_server_without_tls_is_named_as_such() -> None:
    outcome = bare(lambda talk: talk.send(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    assert outcome.error == "tls"


@both
def test_silence_after_the_request_costs_only_the_head_timeout(run: Any) -> None:
    check(run(hang, head_ms=500), "timeout", 500)


@both
def test_a_dribbled_head_costs_only_the_head_timeout(run: Any) -> None:
    head = OK + b"X-Padding: " + b"x" * 900

    def script(talk: Talk) -> None:
        talk.read_request()
        talk.drip(head)

    check(run(script, head_ms=1000), "timeout", 1000)


@both
def test_dribbled_header_lines_do_not_start_the_deadline_anew(run: Any) -> None:
    def script(talk: Talk) -> None:
        talk.read_request()
        talk.send(OK)
        for _ in range(1000):
            talk.drip(b"A: b\r\n", 0.02)

    check(run(script, head_ms=1000), "timeout", 1000)


@both
def test_an_endless_header_line_is_cut_off(run: Any) -> None:
    outcome = run(answer_and_hang(OK + b"X: " + b"x" * 100_000))
    assert (outcome.error, outcome.open_ms < SLOW_MS) == ("http-head", True)


@both
def test_an_endless_status_line_is_cut_off(run: Any) -> None:
    assert run(answer_and_hang(b"HTTP/1.1 200 " + b"O" * 100_000)).error == "http-head"


@both
def test_endless_headers_are_cut_off(run: Any) -> None:
    outcome = run(answer_and_hang(OK + b"X-More: and more\r\n" * 5000))
    assert (outcome.error, outcome.open_ms < SLOW_MS) == ("http-head", True)


@pytest.mark.parametrize("sent", [0, 1, 5000])
@both
def test_a_body_that_stalls_is_given_up_after_the_stall_timeout(run: Any, sent: int) -> None:
    outcome = run(answer_and_hang(OK + b"\r\n" + BODY[:sent]), stall_ms=500)
    assert outcome.error == "timeout"
    assert outcome.left == SIZE - sent // 4096 * 4096
    assert 400 <= outcome.body_ms < 500 + SLOW_MS


def test_a_slow_body_is_not_mistaken_for_a_stalled_one() -> None:
    def script(talk: Talk) -> None:
        talk.read_request()
        talk.send(OK + b"\r\n" + BODY[:-20])
        talk.drip(BODY[-20:], 0.1)  # 2 s in all, four times the time-out

    outcome = fetch(script, stall_ms=500)
    assert (outcome.error, outcome.left) == (None, 0)
    assert outcome.body_ms > 1500
