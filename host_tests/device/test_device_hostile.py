"""The Device against peers that misbehave below MQTT: silent, dribbling, deaf."""

from __future__ import annotations

import hashlib
import socket
import struct
import threading

import pytest

from host_tests.kit.mqtt_probe import Peer, Probe, accept_sign_in, packet, receive

BOUND_MS = 20_000  # wide, since a machine may be busy; without a bound it would be for ever


def test_the_connect_packet_on_the_wire_is_the_platforms_byte_for_byte() -> None:
    # The running example, computed from "Establish MQTT connections over TCP" (73742).
    seen: list[bytes] = []
    done = threading.Event()

    def script(sock: socket.socket, _number: int) -> None:
        seen.append(receive(sock, 175))
        done.set()
        sock.sendall(b"\x20\x02\x00\x00")
        packet(sock)

    with (
        Peer(script) as peer,
        Probe(peer.port, client_id="node-07", timestamp="1700000000000") as device,
    ):
        device.wait("up", 1)
    wanted = "0d17d24fb39f6cae3aa49aeaf62815802b6fc6628187c4d0c2eaf0ad48e3b43b"
    assert hashlib.sha256(seen[0]).hexdigest() == wanted


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_a_gateway_that_takes_the_connection_and_says_nothing_costs_one_bounded_poll(
    secure: bool,
) -> None:
    def script(sock: socket.socket, _number: int) -> None:
        while sock.recv(4096):
            pass

    with Peer(script) as peer, Probe(peer.port, secure=secure, connect_timeout_ms=600) as device:
        assert device.wait("down", 0, "timeout")
        assert 500 <= device.slowest_ms() < 600 + BOUND_MS


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_a_gateway_that_dribbles_cannot_stretch_the_sign_in(secure: bool) -> None:
    # The head of a TLS record of 16 KiB, or of a CONNACK: then a byte now and then, for ever.
    start = b"\x16\x03\x03\x40\x00" if secure else b"\x20"

    over = threading.Event()

    def script(sock: socket.socket, _number: int) -> None:
        sock.sendall(start)
        while not over.wait(0.2):
            sock.sendall(b"\x02" if secure else b"")

    with (
        Peer(script) as peer,
        Probe(peer.port, secure=secure, connect_timeout_ms=1000) as device,
    ):
        device.wait("down", 0, "timeout")
        assert 900 <= device.slowest_ms() < 1000 + BOUND_MS
        over.set()


@pytest.mark.parametrize("answer", [b"", b"\x20", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_a_wrong_port_is_said_to_be_no_gateway(answer: bytes) -> None:
    def script(sock: socket.socket, _number: int) -> None:
        packet(sock)
        sock.sendall(answer)

    with Peer(script) as peer, Probe(peer.port) as device:
        assert "not an MQTT gateway" in device.wait("down", 0)[3]


def test_plain_text_on_the_tls_port_is_named() -> None:
    def script(sock: socket.socket, _number: int) -> None:
        sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 4)
        sock.recv(4096)

    with Peer(script) as peer, Probe(peer.port, secure=True) as device:
        assert device.wait("down", 0, "tls")


def test_a_gateway_that_stops_reading_ends_the_session_within_the_bound() -> None:
    free = threading.Event()

    def script(sock: socket.socket, number: int) -> None:
        accept_sign_in(sock)
        if number == 1:
            free.wait(30)
        while sock.recv(65536):
            pass

    with Peer(script) as peer, Probe(peer.port, ack_timeout_ms=800) as device:
        device.wait("up", 1)
        device.tell("flood", "/a/b", 60000, 1000)
        event = device.wait("failed", "link")
        assert 700 <= event[3] < 800 + BOUND_MS
        device.wait("down", 1)
        free.set()
        device.wait("up", 2)


def test_a_reset_connection_ends_in_a_new_session() -> None:
    def script(sock: socket.socket, number: int) -> None:
        accept_sign_in(sock)
        if number == 1:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        while sock.recv(65536):
            pass

    with Peer(script) as peer, Probe(peer.port) as device:
        device.wait("up", 1)
        assert device.wait("down", 1)[2] == "link"
        device.wait("up", 2)


def test_every_lost_connection_is_closed_for_good() -> None:
    """The other side sees the end of each old connection: no socket leaks on the board."""
    ended = threading.Semaphore(0)

    def script(sock: socket.socket, number: int) -> None:
        accept_sign_in(sock)
        if number < 3:
            sock.sendall(b"\x30\x00")  # malformed
        while sock.recv(65536):
            pass
        ended.release()

    with Peer(script) as peer, Probe(peer.port) as device:
        device.wait("up", 3)
        assert ended.acquire(timeout=30)
        assert ended.acquire(timeout=30)


def test_nothing_listens_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with Probe(port) as device:
        assert "ECONNREFUSED" in device.wait("down", 0, "link")[3]
