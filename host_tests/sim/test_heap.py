"""An ESP32's memory on the desk: what an application's size costs it, and what fails then."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from host_tests.kit.sim_desk import IMAGES, make_board, run, start
from tools.sim import Board

ROOT = Path(__file__).resolve().parents[2]

# What the programs share. hold(n): n bytes as they would be on the chip, in small pieces.
HEAD = """
import esp32, gc, network, socket, sys, time, tls
def free():
    gc.collect()
    return sum(region[1] for region in esp32.idf_heap_info(esp32.HEAP_DATA))
def lowest():
    return sum(region[3] for region in esp32.idf_heap_info(esp32.HEAP_DATA))
def hold(n):
    return [bytearray(990) for _ in range(n // 1024)]
def join():
    wlan = network.WLAN(network.STA_IF)
    wlan.active(True)
    wlan.connect("desk", "key")
    while not wlan.isconnected(): time.sleep_ms(5)
def context(roots=1):
    made = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    for _ in range(roots): made.load_verify_locations(CA)
    return made
def session(ctx, **options):
    sock = socket.socket()
    sock.settimeout(10)
    sock.connect(socket.getaddrinfo("127.0.0.1", PORT)[0][-1])
    return ctx.wrap_socket(sock, server_hostname="desk", **options)
def error(f, *args, **options):
    try:
        f(*args, **options)
    except (OSError, ValueError, MemoryError) as e:
        return repr(e)
"""


class Echo:
    """A TLS server that gives back what it gets."""

    def __init__(self) -> None:
        authority = trustme.CA()
        certificate = x509.load_pem_x509_certificate(authority.cert_pem.bytes())
        self.ca = certificate.public_bytes(Encoding.DER)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("desk").configure_cert(self._context)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            with self._context.wrap_socket(sock, server_side=True) as wrapped:
                while data := wrapped.recv(4096):
                    wrapped.sendall(data)
        except OSError:
            sock.close()

    def close(self) -> None:
        self._listener.close()


@pytest.fixture(scope="module")
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    with make_board(tmp_path, heap="esp32") as board:
        yield board


def said(board: Board, program: str, echo: Echo | None = None) -> dict[str, str]:
    """Run a program behind HEAD; what it printed as "name value", by name."""
    ca, port = (echo.ca, echo.port) if echo else (b"", 0)
    text = run(board, f"CA = {ca!r}\nPORT = {port}\n{HEAD}{program}")
    assert "Traceback" not in text, text
    lines = [line.split(" ", 1) for line in text.split("\n") if " " in line]
    return {line[0]: line[1] for line in lines}


def near(value: str, wanted: int, percent: float = 2) -> bool:
    """Whether a number is as measured on a chip (chip-memory.md), or nearly."""
    return abs(int(value) - wanted) <= wanted * percent / 100


def test_an_application_in_its_first_56_kb_has_wifi_and_two_tls_sessions(
    board: Board, echo: Echo
) -> None:
    found = said(
        board,
        """
print("boot", free())
held = hold(24000)
join()
print("wifi", free())
ctx = context()
one = session(ctx)
print("one", free())
print("lowest_one", lowest())
two = session(ctx)
print("two", free())
print("lowest_two", lowest())
one.write(b"hello")
print("answer", one.read(5))
""",
        echo,
    )
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
    board: Board, echo: Echo
) -> None:
    found = said(
        board,
        """
held = hold(61440)
print("grown", free())
join()
print("wifi", free())
ctx = context()
one = session(ctx)
print("one", free())
print("lowest_one", lowest())
print("second", error(session, ctx))
""",
        echo,
    )
    assert near(found["grown"], 80_300)
    assert near(found["wifi"], 36_200)
    assert near(found["one"], 9_600)
    assert near(found["lowest_one"], 3_500)
    assert found["second"] == "OSError(12,)"
    assert "heap: Python grew to 114 KB, IDF 80,204 free" in board.console_text()
    assert board.heap_report().count("grew once") == 1


def test_after_a_second_growth_there_is_no_wifi(board: Board) -> None:
    found = said(board, 'held = hold(118000)\nprint("left", free())\nprint("wifi", error(join))')
    assert near(found["left"], 26_952)
    assert found["wifi"] == "OSError('WiFi Out of Memory',)"
    assert "heap: Python grew to 166 KB" in board.console_text()


def test_memory_of_a_session_comes_back_when_it_is_closed_or_forgotten(
    board: Board, echo: Echo
) -> None:
    found = said(
        board,
        """
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
""",
        echo,
    )
    assert found["closed"] == "0"
    assert int(found["open"]) > 25_000
    assert int(found["forgotten"]) < 1_000  # the socket below it may stay for a collection more
    assert int(found["context"]) < 0


def test_three_roots_in_a_context_cost_more_than_one(board: Board, echo: Echo) -> None:
    found = said(
        board,
        """
before = free()
one = context()
print("one", before - free())
before = free()
three = context(3)
print("three", before - free())
""",
        echo,
    )
    assert 1_000 < int(found["one"]) < 1_500
    assert int(found["three"]) > 3 * int(found["one"])


def test_a_handshake_without_memory_fails_at_the_first_byte_it_is_asked_for(
    board: Board, echo: Echo
) -> None:
    found = said(
        board,
        """
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
""",
        echo,
    )
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


def test_garbage_is_collected_as_on_the_chip_and_makes_nothing_grow(board: Board) -> None:
    found = said(
        board,
        """
held = hold(20000)
for n in range(30000): text = "%d" % n * 20
print("alive", gc.mem_alloc())
""",
    )
    assert 20_000 < int(found["alive"]) < 56_000
    figures = board.boots[-1].heap
    assert figures is not None
    assert figures.growths == 0


def test_a_stale_word_on_the_stack_does_not_open_the_heap_for_good(board: Board) -> None:
    # The collector finds what is to be let go of a few times longer: it is tried again.
    found = said(
        board,
        """
from simchip import filling
clear = filling.clear
failures = [0]
def failing():
    clear()
    failures[0] += 1
    if failures[0] < 4: raise MemoryError
filling.clear = failing
for n in range(30000): text = "%d" % n * 20
print("alive", gc.mem_alloc())
print("failures", failures[0])
""",
    )
    assert int(found["failures"]) >= 4
    assert int(found["alive"]) < 56_000
    figures = board.boots[-1].heap
    assert figures is not None
    assert figures.growths == 0


def test_a_growth_that_nothing_lives_in_any_more_is_given_back(board: Board) -> None:
    found = said(
        board,
        """
def deep(n): return deep(n - 1) if n else None
print("whole", error(bytearray, 107000))
print("lowest", lowest())
free()
large = bytearray(60000)
print("grown", free())
large = None
deep(20)
print("after", free())
""",
    )
    assert found["whole"] == "None"
    assert near(found["lowest"], 29_256)
    assert near(found["grown"], 76_360)
    assert found["after"] == "139600"
    assert "heap: Python fell back to 56 KB" in board.console_text()


def test_gc_counts_as_the_chip_does(board: Board) -> None:
    found = said(
        board,
        """
gc.collect()
print("free", gc.mem_free())
before = gc.mem_alloc()
held = bytearray(20000)
print("buffer", gc.mem_alloc() - before)
before = gc.mem_alloc()
objects = [{"n": n} for n in range(60)]
print("objects", gc.mem_alloc() - before)
""",
    )
    assert 155_000 < int(found["free"]) < 166_592
    assert near(found["buffer"], 20_000, 5)
    assert 3_000 < int(found["objects"]) < 7_500


def test_a_collector_that_is_switched_off_lets_the_heap_grow(board: Board) -> None:
    found = said(
        board,
        """
gc.disable()
for n in range(1200): text = "%d" % n
time.sleep_ms(30)
gc.enable()
print("done", sum(region[3] for region in esp32.idf_heap_info(4)))
""",
    )
    assert near(found["done"], 80_204)


def test_ssl_and_a_swapped_tls_meet_the_same_memory(board: Board, echo: Echo) -> None:
    found = said(
        board,
        """
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
""",
        echo,
    )
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


def test_files_flash_and_timers_go_on_while_memory_is_looked_after(board: Board) -> None:
    found = said(
        board,
        """
import machine, json
calls = wrong = 0
def tick(timer):
    global calls
    calls += 1
    with open("/from-timer", "w") as f: f.write("call %d" % calls)
machine.Timer(0, mode=machine.Timer.PERIODIC, period=1, callback=tick)
n = 0
while calls < 30:
    with open("/from-main", "w") as f: f.write("round %d" % n * 50)
    with open("/from-main") as f: wrong += f.read() != "round %d" % n * 50
    json.loads(json.dumps([n] * 50))
    n += 1
machine.Timer(0).deinit()
print("wrong", wrong)
print("calls", calls)
""",
    )
    assert found["wrong"] == "0"
    assert int(found["calls"]) >= 30
    figures = board.boots[-1].heap
    assert figures is not None
    assert figures.growths == 0


def test_every_boot_begins_with_all_of_it(board: Board) -> None:
    start(
        board,
        HEAD
        + """
import machine
print("boot", free())
held = hold(61440)
if machine.reset_cause() == 1: machine.reset()
""",
    )
    board.wait_for(lambda: board.boots[-1].at_repl and len(board.boots) == 2, what="second boot")
    assert board.console_text().count("boot 139600") == 2
    assert board.heap_report().count("grew once") == 2


def test_without_it_a_board_has_plenty_and_nothing_of_it_is_loaded(tmp_path: Path) -> None:
    with make_board(tmp_path) as board:
        text = run(
            board,
            "import esp32, sys\n"
            'print("free", sum(region[1] for region in esp32.idf_heap_info(4)) > 1000000)\n'
            'print("loaded", "simchip.heap" in sys.modules, "simchip.chip_tls" in sys.modules)\n'
            "held = bytearray(300000)\n",
        )
    assert "free True" in text
    assert "loaded False False" in text
    assert board.heap_report() == ""
    with pytest.raises(ValueError, match="the only chip"):
        Board(tmp_path / "flash.bin", heap="esp8266")


def test_the_command_line_tells_how_the_memory_was_used(tmp_path: Path) -> None:
    (tmp_path / "app.img").write_bytes(IMAGES[0])
    (tmp_path / "main.py").write_text(HEAD + "held = hold(61440)\nprint('held')\n")
    flash = str(tmp_path / "desk.bin")
    sim = [sys.executable, "-m", "tools.sim"]
    image, main = str(tmp_path / "app.img"), str(tmp_path / "main.py")
    made = subprocess.run(
        [*sim, "create", flash, "--image", image, "--file", main], cwd=ROOT, capture_output=True
    )
    assert made.returncode == 0, made.stderr
    for more in ([], ["--heap-report"]):
        ran = subprocess.run(
            [*sim, "run", flash, "--heap", "esp32", "--seconds", "1.5", *more],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert ran.returncode == 0
        assert "heap: Python grew to 114 KB, IDF 80,204 free" in ran.stdout
        assert ran.stdout.count("heap: boot 1: Python ") == 1
        assert "grew once; IDF 80,204 free at least" in ran.stdout
