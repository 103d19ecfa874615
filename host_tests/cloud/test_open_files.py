"""Many devices at once: as many connections as the system allows, and what to do about fewer."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from host_tests.kit.cloud_commands import run
from host_tests.kit.raw_mqtt import DN, PK, connect_packet
from host_tests.kit.rig import ROOT

MANY = 200


@contextlib.contextmanager
def serve(folder: Path, ulimit: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`serve` in a shell where `ulimit` was said: its process, and the port of its gateway."""
    command = f"{ulimit} && exec {sys.executable} -m tools.cloud serve --folder {folder}"
    server = subprocess.Popen(
        ["/bin/sh", "-c", command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={"PATH": "/usr/bin:/bin", "PYTHONUNBUFFERED": "1"},
    )
    killer = threading.Timer(60, server.kill)
    killer.start()
    try:
        port = re.search(r"MQTT +port (\d+)", said(server, "Ctrl-C"))
        assert port is not None
        yield server, int(port[1])
    finally:
        killer.cancel()
        server.kill()
        server.communicate()


def said(server: subprocess.Popen[str], what: str) -> str:
    """What it prints up to the line with `what` in it."""
    assert server.stdout is not None
    out = ""
    while what not in out:
        line = server.stdout.readline()
        assert line, out
        out += line
    return out


@contextlib.contextmanager
def connected(port: int, count: int) -> Iterator[list[socket.socket]]:
    """So many connections on which nothing is said yet."""
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), 30))
            for _ in range(count)
        ]


def refused(sock: socket.socket) -> bytes:
    """The answer to a stranger, who had to be accepted to get one."""
    sock.sendall(connect_packet(secret="0" * 32))
    return sock.recv(100)


def test_a_server_takes_as_many_devices_as_the_system_allows_it(tmp_path: Path) -> None:
    with serve(tmp_path, "ulimit -Sn 64") as (_, port), connected(port, MANY) as sockets:
        assert {refused(sock) for sock in sockets} == {b"\x20\x02\0\x04"}


def test_a_server_that_may_take_no_more_says_what_to_do_and_goes_on(tmp_path: Path) -> None:
    with serve(tmp_path, "ulimit -n 64") as (server, port):
        with connected(port, 100):
            told = said(server, "cannot accept")
            assert "This system allows 64 (`ulimit -Hn`)" in told.splitlines()[-1]
            assert "limits.conf" in told.splitlines()[-1]
        with connected(port, 1) as (later,):
            assert refused(later) == b"\x20\x02\0\x04"


def test_brokers_files_for_many_devices_come_with_what_it_needs(tmp_path: Path) -> None:
    folder = ("--folder", str(tmp_path / "cloud"))
    run("device", "add", PK, DN, *folder)
    words = f"mosquitto {tmp_path / 'broker'} {' '.join(folder)}"
    said = subprocess.run(
        ["/bin/sh", "-c", f"ulimit -Sn 99 && {sys.executable} -m tools.cloud {words}"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    assert "mosquitto needs 101 of them. Run `ulimit -n 101` in this shell first." in said
    assert "ulimit" not in run("mosquitto", str(tmp_path / "broker"), *folder)
