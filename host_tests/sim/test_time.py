"""Timers, ticks, clock and Wi-Fi of a board."""

from __future__ import annotations

import time
from pathlib import Path

from host_tests.kit.sim_desk import make_board, run, start
from tools.sim import Board


def test_timer_callbacks_run_between_byte_codes_of_a_busy_program(board: Board) -> None:
    text = run(
        board,
        """
import machine, time, micropython
count = 0
def tick(timer):
    global count
    count += 1
timer = machine.Timer(0)
timer.init(mode=machine.Timer.PERIODIC, period=10, callback=tick)
micropython.heap_lock()
while count < 5: pass
micropython.heap_unlock()
print("busy", count >= 5)
while count < 8: time.sleep_ms(1)
timer.deinit()
last = count
time.sleep_ms(40)
print("still", count - last < 2, machine.Timer(0) is timer)
hit = []
machine.Timer(3, mode=machine.Timer.ONE_SHOT, period=5, callback=hit.append)
begin = time.ticks_ms()
while not hit and time.ticks_diff(time.ticks_ms(), begin) < 5000: pass
time.sleep_ms(30)
print("once", hit)
for n in (-1, 4):
    try:
        machine.Timer(n)
    except ValueError as e:
        print("refused", e)
""",
    )
    assert "busy True" in text
    assert "still True True" in text
    assert "once [Timer(3, mode=ONE_SHOT, period=5)]" in text
    assert text.count("refused invalid Timer number") == 2


def test_a_timer_callback_may_use_flash_and_files_while_the_program_does(board: Board) -> None:
    text = run(
        board,
        """
import machine, time
from esp32 import NVS, Partition
other = Partition(Partition.RUNNING).get_next_update()
nvs = NVS("t")
calls = errors = 0
def tick(timer):
    global calls, errors
    calls += 1
    try:
        nvs.set_i32("n", calls)
        nvs.commit()
        with open("/from-timer", "w") as f:
            f.write("call %d" % calls)
        other.writeblocks(400, b"t" * 4096)
    except Exception as e:
        errors += 1
        print("in timer", repr(e))
machine.Timer(0, mode=machine.Timer.PERIODIC, period=1, callback=tick)
back = bytearray(4096)
n = wrong = 0
while calls < 200:
    sector = bytes((n & 255,)) * 4096
    other.writeblocks(n % 300, sector)
    other.readblocks(n % 300, back)
    wrong += back != sector
    with open("/from-main", "w") as f:
        f.write("round %d" % n * 50)
    with open("/from-main") as f:
        wrong += f.read() != "round %d" % n * 50
    n += 1
machine.Timer(0).deinit()
time.sleep_ms(20)
print("rounds", n, "wrong", wrong, "errors", errors, "calls", calls)
""",
    )
    assert "wrong 0 errors 0" in text
    calls = int(text.rpartition("calls ")[2].split()[0])
    assert calls >= 200
    assert board.read_file("/from-timer") == b"call %d" % calls
    assert board.nvs_get("t", "n") == calls


def test_a_timer_resets_a_board_that_sits_at_the_repl(board: Board) -> None:
    start(
        board,
        """
import machine
if machine.reset_cause() == 1:
    machine.Timer(0).init(
        mode=machine.Timer.ONE_SHOT, period=50, callback=lambda t: machine.reset())
""",
    )
    board.wait_for(lambda: len(board.boots) == 2 and board.boots[-1].at_repl, what="second boot")
    assert board.boots[0].at_repl
    assert board.boots[0].ended == "reset"


def test_an_exception_in_a_timer_callback_does_not_end_the_program(board: Board) -> None:
    text = run(
        board,
        """
import machine, time
machine.Timer(0, mode=0, period=5, callback=lambda t: boom)
time.sleep_ms(60)
print("main goes on")
""",
    )
    assert "NameError" in text
    assert "main goes on" in text


def test_rtc_memory_and_clock_outlive_a_reset_but_not_a_power_cut(tmp_path: Path) -> None:
    program = """
import machine, time, ntptime
rtc = machine.RTC()
print("memory", rtc.memory(), "year", time.gmtime()[0], rtc.datetime()[0])
if machine.reset_cause() == machine.PWRON_RESET:
    rtc.memory(b"kept")
    ntptime.settime()
    machine.reset()
try:
    rtc.memory(bytes(2049))
except ValueError as e:
    print("refused", e)
rtc.datetime((2030, 1, 2, 0, 3, 4, 5, 0))
print("set", time.localtime()[:6], time.time() - time.mktime((2030, 1, 2, 3, 4, 5, 0, 0)) < 2)
"""
    year = time.gmtime().tm_year
    with make_board(tmp_path, clock="unset") as board:
        for _ in range(2):
            start(board, program)
            board.wait_for(lambda: board.boots[-1].at_repl, what="second run")
            board.power_cut()
        text = board.console_text()
        assert text.count("memory b'' year 2000 2000") == 2
        assert text.count(f"memory b'kept' year {year} {year}") == 2
        assert text.count("refused buffer too long") == 2
        assert text.count("set (2030, 1, 2, 3, 4, 5) True") == 2


def test_without_wifi_nothing_resolves_and_it_can_come_back(tmp_path: Path) -> None:
    program = """
import network, socket, time, ntptime
w = network.WLAN(network.STA_IF)
def error(f, *args):
    try:
        f(*args)
    except OSError as e:
        return e.args[0]
print(1, error(w.connect, "desk", "key"))
w.active(True)
w.connect("desk", "key")
print(2, error(w.connect, "desk", "key"), w.status() == network.STAT_CONNECTING)
print(3, error(socket.getaddrinfo, "localhost", 80), error(socket.getaddrinfo, "127.0.0.1", 80))
print(4, error(ntptime.settime), w.isconnected(), w.ifconfig()[0])
print("waiting")
while not w.isconnected(): time.sleep_ms(1)
print(5, w.status() == network.STAT_GOT_IP, w.ifconfig()[0], w is network.WLAN())
print(6, len(socket.getaddrinfo("localhost", 80)))
"""
    with make_board(tmp_path, wifi="absent") as board:
        start(board, program)
        board.wait_for(lambda: "waiting" in board.console_text(), what="program")
        board.wifi = "ok"
        board.wait_for(lambda: board.boots[-1].at_repl, what="end")
        text = board.console_text()
    assert "1 Wifi Not Started" in text
    assert "2 Wifi Internal State Error True" in text
    assert "3 -202 118" in text
    assert "4 -202 False 0.0.0.0" in text
    assert "5 True 192.168.4.2 True" in text
    assert "6 1" in text


def test_ticks_wrap_soon_after_the_boot(tmp_path: Path) -> None:
    program = """
import time
first = last = time.ticks_ms()
# (On a busy machine the first look may come late.)
while last >= first > 1 << 29: last = time.ticks_ms()
print("wrapped", last < 1 << 29, time.ticks_diff(last, first) >= 0)
"""
    with make_board(tmp_path, ticks_wrap_ms=50) as board:
        assert "wrapped True True" in run(board, program)
