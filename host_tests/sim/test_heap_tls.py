"""What Wi-Fi, TLS and sockets take of the IDF heap, and what happens where it is not there."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from host_tests.kit.chip_heap import Echo, near, said
from tools.sim import Board

pytestmark = pytest.mark.usefixtures("plain_sim")
BOARD = {"heap": "esp32"}
ONE_SESSION = """
join()
print("wifi", free())
ctx = context()
one = session(ctx)
print("one", free())
print("lowest_one", lowest())
"""
Talk = Callable[[str], dict[str, str]]


@pytest.fixture
def talk(board: Board, echo: Echo) -> Talk:
    """Runs a program with a TLS server to talk to: what it printed, by name."""
    return lambda program: said(board, program, echo)


def test_an_application_in_its_first_56_kb_has_wifi_and_two_tls_sessions(
    board: Board, talk: Talk
) -> None:
    found = talk(f"""
print("boot", free())
held = hold(24000)
{ONE_SESSION}
two = session(ctx)
print("two", free())
print("lowest_two", lowest())
one.write(b"hello")
print("answer", one.read(5))
""")
    assert found["boot"] == "139600"
    assert near(found["wifi"], 95_500)
    assert near(found["one"], 68_900)
    assert near(found["lowest_one"], 62_800)
    assert near(found["two"], 43_700)
    assert near(found["lowest_two"], 37_600)
    assert found["answer"] == "b'hello'"
    figures = board.boots[-1].heap
    assert figures is not None
    assert figures.growths == 0
    assert 24_000 < figures.python_high < 50_000
    assert near(str(figures.idf_low), 37_600)


def test_an_application_beyond_56_kb_takes_as_much_again_and_its_second_session_fails(
    board: Board, talk: Talk
) -> None:
    found = talk(f"""
held = hold(61440)
print("grown", free())
{ONE_SESSION}
print("second", error(session, ctx))
""")
    assert near(found["grown"], 80_300)
    assert near(found["wifi"], 36_200)
    assert near(found["one"], 9_600)
    assert near(found["lowest_one"], 3_500)
    assert found["second"] == "OSError(12,)"
    assert "heap: Python grew to 114 KB, IDF 80,204 free" in board.console_text()
    assert board.heap_report().count("grew once") == 1


def test_memory_of_a_session_comes_back_when_it_is_closed_or_forgotten(talk: Talk) -> None:
    found = talk("""
def deep(n): return deep(n - 1) if n else None
held = hold(61440)
join()
ctx = context()
before = free()
one = session(ctx)
one.close()
print("closed", before - free())
two = session(ctx)
print("open", before - free())
two = None
deep(20)
print("forgotten", before - free())
ctx = one = None
deep(20)
print("context", before - free())
""")
    assert found["closed"] == "0"
    assert int(found["open"]) > 25_000
    assert int(found["forgotten"]) < 1_000  # the socket below it may stay for a collection more
    assert int(found["context"]) < 0


def test_three_roots_in_a_context_cost_more_than_one(talk: Talk) -> None:
    found = talk("""
before = free()
one = context()
print("one", before - free())
before = free()
three = context(3)
print("three", before - free())
""")
    assert 1_000 < int(found["one"]) < 1_500
    assert int(found["three"]) > 3 * int(found["one"])


def test_a_handshake_without_memory_fails_at_the_first_byte_it_is_asked_for(talk: Talk) -> None:
    found = talk("""
held = hold(61440)
join()
ctx = context()
more = context()
while free() > 27000: more.load_verify_locations(CA)
print("blocking", error(session, ctx))
lazy = session(ctx, do_handshake_on_connect=False)
print("lazy", error(lazy.write, b"hello"))
lazy.close()
while free() > 22000: more.load_verify_locations(CA)
print("buffers", error(session, ctx))
def fill():
    while True: more.load_verify_locations(CA)
print("certificate", error(fill))
""")
    assert "MBEDTLS_ERR_X509_ALLOC_FAILED" in found["blocking"]
    assert found["lazy"] == "OSError(12,)"
    assert found["buffers"] == "OSError(12,)"
    assert found["certificate"] == "ValueError('invalid cert',)"


def test_what_the_idf_heap_cannot_give_is_a_memory_error_where_it_is_asked_for(
    board: Board,
) -> None:
    found = said(
        board,
        """
print("larger", error(bytearray, 108000))
held = hold(61440)
join()
print("buffer", error(bytearray, 50000))
kept = []
def more():
    while True: kept.append(bytearray(990))
print("small", error(more))
print("kept", len(kept) * 1024)
kept = held = None
""",
    )
    assert "MemoryError" in found["larger"]
    assert "MemoryError" in found["buffer"]
    assert "MemoryError" in found["small"]
    assert 60_000 < int(found["kept"]) < 100_000


def test_ssl_and_a_swapped_tls_meet_the_same_memory(talk: Talk) -> None:
    found = talk("""
import requests, ssl
before = free()
old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
print("mode", old.verify_mode == ssl.CERT_NONE)
print("ssl", before - free() > 0)
class Other: pass
def swapped():
    real = sys.modules["tls"]
    sys.modules["tls"] = Other
    import tls
    sys.modules["tls"] = real
    return tls
print("swapped", swapped() is Other)
ctx = context()
ctx.verify_mode = tls.CERT_NONE
print("none", ctx.verify_mode)
""")
    assert found["mode"] == "True"
    assert found["ssl"] == "True"
    assert found["swapped"] == "True"
    assert found["none"] == "0"


def test_sockets_cost_a_little_each(board: Board) -> None:
    found = said(
        board,
        """
before = free()
socks = [socket.socket() for _ in range(5)]
print("five", before - free())
for sock in socks: sock.close()
print("closed", before - free())
""",
    )
    assert found["five"] == "2000"
    assert found["closed"] == "0"


def test_each_nvs_that_is_opened_takes_memory_until_a_reset(talk: Talk) -> None:
    found = talk("""
esp32.NVS("a")
before = free()
for _ in range(100): esp32.NVS("a")
print("gone", before - free())
""")
    assert near(found["gone"], 4_800)
