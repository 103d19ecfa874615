"""An ESP32's memory on the desk: what an application's size costs it, and what fails then."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from host_tests.kit.chip_heap import HEAD, ROOT, near, said
from host_tests.kit.sim_command import seen
from host_tests.kit.sim_desk import IMAGES, make_board, run, start
from tools.sim import Board

pytestmark = pytest.mark.usefixtures("plain_sim")
BOARD = {"heap": "esp32"}
# Bytes for objects in a heap of 56 KiB, and what simchip.heap leaves for moments: garbage may take
# all of that before a collection. More than that, and the heap was open.
FULL = 56_002 + 6_144 * 100 // 139


def test_after_a_second_growth_there_is_no_wifi(board: Board) -> None:
    found = said(board, 'held = hold(118000)\nprint("left", free())\nprint("wifi", error(join))')
    assert near(found["left"], 26_952)
    assert found["wifi"] == "OSError('WiFi Out of Memory',)"
    assert "heap: Python grew to 166 KB" in board.console_text()


def test_garbage_is_collected_as_on_the_chip_and_makes_nothing_grow(board: Board) -> None:
    found = said(
        board,
        """
held = hold(20000)
for n in range(30000): text = "%d" % n * 20
print("alive", gc.mem_alloc())
""",
    )
    assert 20_000 < int(found["alive"]) <= FULL
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
    assert int(found["alive"]) <= FULL
    figures = board.boots[-1].heap
    assert figures is not None
    assert figures.growths == 0


def test_an_object_at_the_top_of_the_heap_does_not_reach_the_program_as_an_error(
    board: Board,
) -> None:
    # Nothing fits behind it, so nothing can shut the heap: seen as E98, IndexError.
    found = said(
        board,
        """
from simchip import filling, gcmap, heap
lay, last = filling._lay, gcmap.last
filling._lay = lambda: False
gcmap.last = lambda: filling.end - 1
print("full", error(heap.look))
print("held", filling._held[2])
filling._lay, gcmap.last = lay, last
print("again", error(heap.look))
print("shut", filling._held[2] is not None)
""",
    )
    wanted = {"full": "None", "held": "None", "again": "None", "shut": "True"}
    assert {name: found[name] for name in wanted} == wanted


def test_a_look_that_comes_in_between_does_not_reach_the_program_as_an_error(
    board: Board,
) -> None:
    # settle() runs at any jump: what it has swept away is found gone by the sweep it broke into.
    found = said(
        board,
        """
from simchip import gcmap, idf
join()
sock = socket.socket()
sock.close()
is_at = gcmap.is_at
def broken_into(*args):
    gcmap.is_at = is_at
    print("inner", idf.sweep())
    return is_at(*args)
gcmap.is_at = broken_into
try:
    print("outer", idf.sweep())
except ValueError as e:
    print("outer", repr(e))
""",
    )
    assert (found["inner"], found["outer"]) == ("True", "True")


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
    time.ticks_ms()  # as every main loop: here the sim looks after the memory
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
    # (80,204, less what boot.py has opened of NVS.)
    for more in ([], ["--heap-report"]):
        code, said = seen(["run", flash, "--heap", "esp32", *more], "heap: Python grew")
        assert code == 0
        assert "heap: Python grew to 114 KB, IDF 80,108 free" in said
        assert said.count("heap: boot 1: Python ") == 1
        assert "grew once; IDF 80,108 free at least" in said
