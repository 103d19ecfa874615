"""UDP on an ESP32's heap: what nobody reads lies there, as lwIP has it."""

from __future__ import annotations

import pytest

from host_tests.kit.chip_heap import said
from tools.sim import Board

pytestmark = pytest.mark.usefixtures("plain_sim")
BOARD = {"heap": "esp32"}
OWN = """
def own(port):
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", port))
    made.settimeout(5)
    return made
place = ("127.0.0.1", 61000)
join()
one = own(61000)
"""


def test_what_nobody_reads_takes_memory_until_the_socket_is_closed(board: Board) -> None:
    # As measured on an emulated chip with 1.27.0: 1,640 bytes for 1,472.
    found = said(
        board,
        OWN
        + """
before = free()
for _ in range(8): one.sendto(bytes(1472), place)
print("taken", before - free())
print("got", len(one.recv(2000)), before - free())
one.close()
print("left", before - free())
""",
    )
    assert int(found["taken"]) == 6 * 1_632
    assert found["got"] == f"1472 {5 * 1_632}"
    assert found["left"] == "-400"


def test_a_growth_of_python_leaves_what_waits_in_a_socket(board: Board) -> None:
    found = said(
        board,
        OWN
        + """
for _ in range(6): one.sendto(bytes(7000), place)
held = hold(60000)
print("beside", free())
one.close()
print("left", free())
""",
    )
    assert int(found["left"]) - int(found["beside"]) == 6 * 7_160 + 400
    assert int(found["beside"]) < 8_000


def test_no_room_is_told_and_a_port_is_one_sockets(board: Board) -> None:
    found = said(
        board,
        OWN
        + """
print("twice", error(own, 61000))
one.close()
gc.collect()
again = own(61000)
print("again", again.sendto(b"x", place), again.recv(9))
held = hold(72000)
data = bytes(20000)
print("full", error(again.sendto, data, place), free() < 41000)
""",
    )
    assert found["twice"] == "OSError(98,)"
    assert found["again"] == "1 b'x'"
    assert found["full"] == "OSError(12,) True"
