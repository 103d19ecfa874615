"""What the sim's board has of a stock firmware: asyncio, TLS, resets, who finds which module."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from host_tests.kit.hostile_http import HostileServer
from host_tests.kit.http_download import DAY, NOW, authority, certificate
from host_tests.kit.sim_desk import make_board, run, start
from tools.sim import Board, BoardError

ASYNCIO = """
import asyncio, time

async def ticking(name, ms):
    for _ in range(3):
        await asyncio.sleep_ms(ms)
    return name

async def failing():
    raise ValueError("of a task")

async def main():
    flag = asyncio.Event()
    async def setting():
        await asyncio.sleep_ms(20)
        flag.set()
    asyncio.create_task(setting())
    await flag.wait()
    print("set")
    fast, slow = (asyncio.create_task(ticking(*one)) for one in (("fast", 2), ("slow", 10)))
    print(await fast, slow.done(), await asyncio.gather(slow, ticking("third", 1)))
    long = asyncio.create_task(ticking("long", 100000))
    await asyncio.sleep_ms(1)
    print("cancelled", long.cancel())
    try:
        await long
    except asyncio.CancelledError:
        print("it was", long.done(), long.cancel())
    try:
        await asyncio.wait_for(ticking("late", 1000), 0.02)
    except asyncio.TimeoutError:
        print("too late")
    broken = asyncio.create_task(failing())
    try:
        await broken
    except ValueError as e:
        print("raised", e)
    before = time.ticks_ms()
    while time.ticks_ms() >= before:
        await asyncio.sleep_ms(5)
    print("wrapped")

asyncio.run(main())
"""

HANDSHAKE = """
import socket, tls, network, time
wlan = network.WLAN(network.STA_IF)
wlan.active(True)
wlan.connect("x", "y")
while not wlan.isconnected(): time.sleep_ms(5)
context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
context.verify_mode = tls.{mode}
context.load_verify_locations(bytes.fromhex("{ca}"))
sock = socket.socket()
sock.connect(socket.getaddrinfo("127.0.0.1", {port})[0][-1])
try:
    context.wrap_socket(sock, server_hostname="localhost")
    print("shaken")
except ValueError as e:
    print("refused", e)
"""


@pytest.mark.parametrize("heap", [None, "esp32"])
def test_asyncio_runs_by_the_boards_own_ticks_and_over_their_wrap(
    tmp_path: Path, heap: str | None
) -> None:
    with make_board(tmp_path, ticks_wrap_ms=1000, heap=heap) as board:
        text = run(board, ASYNCIO)
    assert "set\nfast False ['slow', 'third']\ncancelled True\nit was True False\n" in text
    assert "too late\nraised of a task\nwrapped" in text


@pytest.mark.parametrize("heap", [None, "esp32"])
@pytest.mark.parametrize(
    ("mode", "clock", "said"),
    [
        ("CERT_REQUIRED", 0, "shaken"),
        ("CERT_REQUIRED", 2 * 86400, "refused The certificate validity has expired"),
        ("CERT_REQUIRED", -2 * 86400, "refused The certificate validity starts in the future"),
        ("CERT_NONE", 2 * 86400, "shaken"),
    ],
)
def test_a_board_whose_clock_is_wrong_refuses_good_certificates(
    tmp_path: Path, heap: str | None, mode: str, clock: int, said: str
) -> None:
    good = certificate(not_before=NOW - DAY, not_after=NOW + DAY)
    with (
        HostileServer(lambda *_: None, good) as server,
        make_board(tmp_path, clock=clock, heap=heap) as board,
    ):
        ca = ssl.PEM_cert_to_DER_cert(authority().cert_pem.bytes().decode())
        program = HANDSHAKE.format(mode=mode, ca=ca.hex(), port=server.port)
        assert said in run(board, program)


def said(board: Board, count: int) -> None:
    board.wait_for(lambda: board.console_text().count("cause ") == count)


def test_resets_from_outside_have_the_causes_that_a_chip_tells(tmp_path: Path) -> None:
    causes = {"usb": 0, "jtag": 0, "glitch": 0, "unknown": 0, "brownout": 1, "button": 2}
    causes["watchdog"] = 3
    program = """
import machine, time
rtc = machine.RTC()
before = rtc.memory()
rtc.memory(b"kept")
print("cause", machine.reset_cause(), before)
while True: time.sleep_ms(10)
"""
    with make_board(tmp_path) as board:
        start(board, program)
        said(board, 1)
        for n, (kind, cause) in enumerate(causes.items()):
            board.reset(kind)
            said(board, n + 2)
            line = f"cause {cause} {b'' if cause == 1 else b'kept'!r}\n"
            assert line in board.console_text().rpartition("rom: ")[2]
            assert board.boots[-2].ended == kind
            assert board.boots[-1].cause == cause
        with pytest.raises(ValueError, match="brownout"):
            board.reset("lightning")
        board.power_cut()
        with pytest.raises(BoardError):
            board.reset("usb")


def test_a_reset_from_outside_ends_a_deep_sleep(tmp_path: Path) -> None:
    program = """
import machine
print("cause", machine.reset_cause())
if machine.reset_cause() == 1: machine.deepsleep(3600000)
"""
    with make_board(tmp_path) as board:
        start(board, program)
        board.wait_for(lambda: board.boots[0].ended == "deepsleep")
        board.reset("usb")
        board.wait_for(lambda: board.boots[-1].at_repl)
        assert "cause 0" in board.console_text()


def test_an_application_hides_what_it_would_hide_on_a_chip_and_nothing_else(
    tmp_path: Path,
) -> None:
    names = ("esp32", "tls", "network", "vfs", "time", "machine", "requests", "umqtt", "ntptime")
    with make_board(tmp_path) as board:
        for name in names:
            board.install_file(f"/app/lib/{name}.py", b"mine = True")
        text = run(
            board,
            f"for name in {names!r}: print(name, hasattr(__import__(name), 'mine'))\n"
            "import utime; print('ticks', utime.ticks_ms() < 1 << 30)",
            boot="import sys, time; sys.path.insert(1, '/app/lib')",
        )
    hidden = {name for name in names if f"\n{name} True" in text}
    # What is frozen, and what is C that MicroPython lets a file extend.
    assert hidden == {"time", "machine", "requests", "umqtt", "ntptime"}
    assert "ticks True" in text


def test_a_module_in_lib_does_not_hide_what_the_firmware_has_frozen(tmp_path: Path) -> None:
    with make_board(tmp_path) as board:
        for name in ("requests", "ntptime", "umqtt/simple", "other"):
            board.install_file(f"/lib/{name}.py", b"mine = True")
        text = run(
            board,
            "import requests, ntptime, umqtt.simple, other\n"
            "for one in (requests, ntptime, umqtt.simple, other): print(hasattr(one, 'mine'))",
        )
    assert "False\nFalse\nFalse\nTrue\n" in text
