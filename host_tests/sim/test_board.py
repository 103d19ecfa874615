"""Power, resets, watchdog and start-up of a board, and what its end leaves behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from host_tests.kit.sim_command import seen
from host_tests.kit.sim_desk import IMAGES, run, start
from tools.sim import Board, BoardTimeout, NoInterpreter, interpreter

ROOT = Path(__file__).resolve().parents[2]


def ended(board: Board) -> list[str | None]:
    return [boot.ended for boot in board.boots]


def test_a_reset_starts_the_program_again_and_runs_no_finally(board: Board) -> None:
    start(
        board,
        """
import machine
print("cause", machine.reset_cause())
try:
    if machine.reset_cause() == machine.PWRON_RESET:
        machine.reset()
finally:
    print("finally", machine.reset_cause())
""",
    )
    board.wait_for(lambda: board.boots[-1].at_repl, what="second boot")
    text = board.console_text()
    assert "cause 1" in text
    assert "finally 1" not in text
    assert "finally 2" in text
    assert ended(board) == ["reset", "exit"]


@pytest.mark.parametrize(
    ("how", "cause", "end"),
    [
        ("machine.reset()", 2, "reset"),
        ("machine.soft_reset()", 5, "soft"),
        ("raise SystemExit", 5, "soft"),
        ("machine.deepsleep(20)", 4, "deepsleep"),
        ("machine.WDT(timeout=50)\nwhile True: pass", 3, "watchdog"),
        ("Partition(Partition.RUNNING).ioctl(6, 0)", 2, "panic"),
    ],
)
def test_the_next_run_is_told_why(board: Board, how: str, cause: int, end: str) -> None:
    start(
        board,
        f"import machine\nfrom esp32 import Partition\n"
        f"if machine.reset_cause() == 1:\n    {how.replace(chr(10), chr(10) + '    ')}\n"
        f"print('now', machine.reset_cause())\n",
    )
    board.wait_for(lambda: board.boots[-1].at_repl, what="second boot")
    assert f"now {cause}" in board.console_text()
    assert ended(board) == [end, "exit"]


def test_a_power_cut_ends_everything_and_counts_as_power_on(board: Board) -> None:
    start(board, 'import machine\nprint("cause", machine.reset_cause())\nwhile True: pass')
    board.wait_for(lambda: "cause 1" in board.console_text(), what="program")
    board.power_cut()
    assert ended(board) == ["power"]
    assert not board.is_on
    board.power_cut()  # again: nothing happens
    board.power_on()
    board.wait_for(lambda: board.console_text().count("cause 1") == 2, what="second run")


def test_a_hang_in_c_is_ended_by_the_watchdog(board: Board) -> None:
    start(
        board,
        """
import machine, socket
if machine.reset_cause() == 1:
    s = socket.socket()
    s.bind(socket.getaddrinfo("127.0.0.1", 0)[0][-1])
    s.listen(1)
    machine.WDT(timeout=80)
    s.accept()
""",
    )
    board.wait_for(lambda: board.boots[-1].at_repl, what="second boot")
    assert board.boots[0].ended == "watchdog"


def test_a_fed_watchdog_does_not_bite_and_can_be_lengthened(board: Board) -> None:
    text = run(
        board,
        """
import machine, time
dog = machine.WDT(timeout=1000)
begin = time.ticks_ms()
while time.ticks_diff(time.ticks_ms(), begin) < 1500:
    dog.feed()
    time.sleep_ms(10)
machine.WDT(timeout=20000)
time.sleep_ms(1200)
for bad in ({"id": 1}, {"timeout": 0}):
    try:
        machine.WDT(**bad)
    except ValueError as e:
        print("refused", e)
""",
    )
    assert len(board.boots) == 1
    assert text.count("refused") == 2


def test_the_watchdog_still_bites_after_main_crashed(board: Board) -> None:
    start(
        board,
        """
import machine
if machine.reset_cause() == 1:
    machine.WDT(timeout=100)
    boom
""",
    )
    board.wait_for(lambda: len(board.boots) == 2 and board.boots[-1].at_repl, what="second boot")
    assert board.boots[0].ended == "watchdog"
    assert board.boots[0].at_repl
    assert board.boots[0].exception == "NameError"
    assert 'File "main.py", line 5' in board.console_text()
    assert "simchip" not in board.console_text()


def test_an_exception_in_boot_py_keeps_main_py_from_running(board: Board) -> None:
    text = run(board, 'print("main ran")', boot="import nothing_there")
    assert "ImportError" in text
    assert "main ran" not in text


def test_boot_and_main_share_a_namespace_and_main_is_looked_up_in_the_current_folder(
    board: Board,
) -> None:
    board.install_file("/app/main.py", 'print("app main", shared, __name__)')
    text = run(
        board,
        'print("root main")',
        boot='import os\nshared = "seen"\nos.chdir("/app")',
    )
    assert "app main seen __main__" in text
    assert "root main" not in text


def test_the_program_sees_the_boards_files_and_not_the_hosts(board: Board) -> None:
    text = run(board, 'import os, sys\nprint(sorted(os.listdir("/")), sys.path)')
    assert "['_sim', 'main.py'] ['', '.frozen', '/_sim/.frozen', '/lib', '/_sim']" in text


def test_a_program_with_modules_of_the_names_that_the_sim_has_gets_its_own(board: Board) -> None:
    names = ("table", "image", "otadata", "nor", "formats", "cli", "flash")
    for name in names:
        board.install_file(f"/lib/{name}.py", f'whose = "own {name}"')
    board.install_file("/lib/chip/table.py", 'whose = "own chip.table"')
    text = run(
        board,
        f"for name in {names}:\n    print(__import__(name).whose)\n"
        "from chip import table\nprint(table.whose)\n"
        "try:\n    import chip.image\nexcept ImportError as e:\n    print(e)\n",
    )
    for name in (*names, "chip.table"):
        assert f"own {name}" in text
    assert "no module named 'chip.image'" in text


def test_a_damaged_file_system_runs_no_script(board: Board) -> None:
    board.flash.fill(board.partition("vfs").address, b"\x5a" * 8192)
    board.power_on()
    board.wait_for(lambda: board.boots[-1].at_repl, what="boot")
    assert "damaged" in board.console_text()


def test_ctrl_c_ends_the_program_with_its_traceback(board: Board) -> None:
    start(board, 'print("busy")\nwhile True: pass')
    board.wait_for(lambda: "busy" in board.console_text(), what="program")
    board.interrupt()
    board.wait_for(lambda: board.boots[-1].at_repl, what="REPL")
    assert board.boots[-1].exception == "KeyboardInterrupt"


def test_a_failed_wait_shows_the_console(board: Board) -> None:
    start(board, 'print("the last words")')
    board.wait_for(lambda: board.boots[-1].at_repl)
    with pytest.raises(BoardTimeout, match=r"no miracle within 0.1 s(.|\n)*the last words"):
        board.wait_for(lambda: False, 0.1, "miracle")


def test_a_crash_of_the_interpreter_is_a_panic_and_boots_again(board: Board) -> None:
    start(
        board,
        """
import machine
if machine.reset_cause() == 1:
    import os
    os.system("kill -SEGV $PPID")
""",
    )
    board.wait_for(lambda: board.boots[-1].at_repl, what="second boot")
    assert ended(board) == ["panic", "exit"]
    assert board.boots[-1].cause == 2


def test_no_interpreter_is_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MICROPYTHON", str(tmp_path / "none"))
    with pytest.raises(NoInterpreter, match="no such program"):
        interpreter.command()


def alive(pid: int) -> bool:
    """Whether a process runs (not merely waits to be collected)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs PR_SET_PDEATHSIG")
@pytest.mark.parametrize("path", [os.environ.get("PATH", ""), ""], ids=["as it is", "no tools"])
def test_no_board_outlives_a_killed_test_run(tmp_path: Path, path: str) -> None:
    script = f"""
import sys, time
from pathlib import Path
from host_tests.kit.sim_desk import make_board, start
board = make_board(Path({str(tmp_path)!r}))
start(board, "while True: pass")
board.wait_for(lambda: board.boots[-1].started)
print(board._runner._proc.pid, flush=True)
time.sleep(60)
"""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path), "PATH": path}
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=env
    )
    assert parent.stdout is not None
    with parent.stdout:
        child = int(parent.stdout.readline())
        assert alive(child)
        parent.kill()
        parent.wait()
    deadline = time.monotonic() + 10
    while alive(child):
        assert time.monotonic() < deadline, "the interpreter lives on"
        time.sleep(0.01)


def test_the_command_line_makes_runs_and_shows_a_board(tmp_path: Path) -> None:
    (tmp_path / "app.img").write_bytes(IMAGES[0])
    (tmp_path / "main.py").write_text('print("hello from the board")')
    flash = str(tmp_path / "desk.bin")

    def sim(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tools.sim", *words]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    image, main = str(tmp_path / "app.img"), str(tmp_path / "main.py")
    made = sim("create", flash, "--image", image, "--file", main)
    assert made.returncode == 0, made.stderr
    assert sim("create", flash).returncode == 1
    assert seen(["run", flash], "hello from the board")[0] == 0
    assert sim("run", flash, "--seconds", "0.1").returncode == 0
    shown = sim("status", flash).stdout
    assert "0: <seq 1 VALID>, slot 0 <- counts" in shown
    assert "ota_0      bootable" in shown
    assert "nothing flashed here" in shown
    assert "sim: " in sim("status", str(tmp_path / "none")).stderr
