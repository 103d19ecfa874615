"""A whole update through a network that misbehaves by a seed; `make fuzz` plays many more."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from host_tests.kit import proxied
from host_tests.kit.fault_proxy import FaultProxy, Plan
from host_tests.long.fuzz import updates


def test_updates_over_a_network_that_fails_in_every_way_end_with_the_promised_image() -> None:
    outcome = updates.run(0, 3, lambda n: None)
    assert not outcome.findings, outcome.report()
    assert int(outcome.figures["faults"]) >= 6, outcome.figures


@pytest.mark.parametrize("way", ["in turn", "alone"])
def test_a_network_that_fails_in_every_way_does_not_cost_an_update(
    tmp_path: Path, way: str
) -> None:
    played = proxied.play(tmp_path, 2, way=way)
    assert not played.wrong, played.wrong
    assert played.state == "SUCCEEDED"


def test_the_same_seed_plays_the_same_faults() -> None:
    plans = [Plan.draw("files 3", n, 1000) for n in range(50)]
    assert plans == [Plan.draw("files 3", n, 1000) for n in range(50)]
    assert plans != [Plan.draw("files 4", n, 1000) for n in range(50)]
    assert {plan.end for plan in plans} == {"none", "drop", "half", "stall", "reset"}
    assert {plan.pace for plan in plans} == {"at once", "delay", "bytes"}


def talk(
    monkeypatch: pytest.MonkeyPatch, plan: Plan, client: Callable[[socket.socket], None]
) -> None:
    """A server that sends 1000 bytes, and a client of it, with a proxy of one plan between."""
    monkeypatch.setattr(Plan, "draw", staticmethod(lambda *args: plan))
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        sock, _ = server.accept()
        with sock:
            sock.sendall(bytes(1000))
            sock.settimeout(10)
            sock.recv(1)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with FaultProxy(server.getsockname()[1], "x", 1, 0) as proxy:
        try:
            sock = socket.create_connection(("127.0.0.1", proxy.port), 10)
        except ConnectionResetError:
            assert plan.end == "reset", plan.end  # which may be as soon as that
        else:
            with sock:
                client(sock)
        thread.join(10)
    server.close()


def count(sock: socket.socket) -> int:
    """Bytes until the end of the connection."""
    total = 0
    while piece := sock.recv(4096):
        total += len(piece)
    return total


def test_each_kind_of_end_is_what_its_name_says(monkeypatch: pytest.MonkeyPatch) -> None:
    def half(sock: socket.socket) -> None:
        assert count(sock) == 500

    def reset(sock: socket.socket) -> None:
        with pytest.raises(ConnectionResetError):
            count(sock)

    def stall(sock: socket.socket) -> None:
        total = 0
        while total < 500:
            total += len(sock.recv(4096))
        assert total == 500
        sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            sock.recv(1)

    talk(monkeypatch, Plan(end="half"), half)
    talk(monkeypatch, Plan(end="reset"), reset)
    talk(monkeypatch, Plan(end="stall"), stall)
    talk(monkeypatch, Plan(pace="bytes", end="half"), half)
