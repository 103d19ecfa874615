"""How long poll() keeps the main loop, and how long a board takes to its first line."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tools.bench.compiled import compiled_sim
from tools.bench.desk import PK, ROOT, Desk, Say, median, wait_said
from tools.bench.report import Figure, Section
from tools.sim import Board

BOOTS = 9
# In front of the loader: when it began, kept where the application finds it.
_STAMP = b"import time\n\ntime.bench_began = time.ticks_us()\n"


def polls(say: Say, *, small: bool = False, seconds: float = 5) -> Section:
    """Worst and 99th-percentile poll() in five situations; `seconds` in each that has no end."""
    with Desk(small) as desk:
        phases = desk.folder / "phases"
        phases.mkdir()
        board = desk.board("latency", heap_kib=4096, mounts={"/bench": phases})
        say("poll(): idle, download")
        figures = _undisturbed(desk, board, seconds)
        say("poll(): stalled server, gateway gone")
        figures += _disturbed(desk, board, phases, seconds)
    about = (
        "Each Updater.poll() of an application on the board, timed with ticks_us(), the "
        "collector on, over TLS, all time-outs as they come but for the ping (1 s instead of "
        "60, so that a dead gateway is noticed). A sign-in and the opening of a download are "
        "one poll() each, bounded by connect_timeout_ms and head_timeout_ms (10 s): that is "
        "the worst with a silent gateway."
    )
    return Section("poll", "poll()", figures, about)


def _undisturbed(desk: Desk, board: Board, seconds: float) -> list[Figure]:
    """An idle board, then an update."""
    board.write_slot(0, desk.image("1.0.0", "latency", small=True))
    desk.release("1.1.0", desk.image("1.1.0"))
    board.power_on()
    wait_said(board, "ready")
    time.sleep(seconds)
    desk.push("latency", "1.1.0")
    figures = [
        _line("idle", wait_said(board, "idle")),
        _line("downloading", wait_said(board, "download")),
    ]
    opening = wait_said(board, "opening") / 1000
    figures.append(Figure("opening the connection (one poll())", f"{opening:.1f} ms"))
    figures.append(_line("reading back", wait_said(board, "reading-back")))
    desk.server.call("wait_task", PK, "latency", "1.1.0", "SUCCEEDED", 60)
    board.power_cut()
    return figures


def _disturbed(desk: Desk, board: Board, phases: Path, seconds: float) -> list[Figure]:
    """The same board from anew: its download stalls, its gateway goes."""
    board.erase_partition("otadata")
    board.nvs_erase("alink_ota")
    desk.provision(board, "latency_2")  # the first one has 1.1.0 already, says the platform
    for file in phases.iterdir():
        file.unlink()
    board.power_on()
    desk.reports("latency_2", "1.0.0", board)
    desk.server.fault(stall_after=40_000)
    desk.push("latency_2", "1.1.0")
    wait_said(board, "opening", 2)
    _over(board, phases, "before-the-stall", 1)
    stalled = _over(board, phases, "stalled", seconds)
    desk.server.call("go_dead", True)
    board.wait_for(lambda: "not connected" in board.console_text(), 30, "a lost link")
    refused = _over(board, phases, "refused", seconds)
    desk.server.call("come_back")
    board.wait_for(lambda: board.console_text().count("signed in") >= 3, 90, "the sign-in")
    desk.server.call("go_dead")
    _over(board, phases, "before-the-silence", 1)
    board.wait_for(
        lambda: board.console_text().count("not connected") >= 3, 90, "a sign-in that fails"
    )
    silent = _over(board, phases, "silent", 0)
    board.power_cut()
    return [
        _line("download server stalled", stalled),
        _line("gateway refuses connections", refused),
        _line("gateway silent, one sign-in tried", silent),
    ]


def _over(board: Board, phases: Path, name: str, seconds: float) -> Any:
    """Let a phase last, then have its samples told under its name."""
    time.sleep(seconds)
    number = len(list(phases.iterdir()))
    partial = phases / "next"
    partial.write_text(name)
    partial.rename(phases / str(number))
    return wait_said(board, name)


def _line(what: str, found: dict[str, int]) -> Figure:
    value = f"worst {found['worst'] / 1000:.2f} ms, 99 % within {found['p99'] / 1000:.3f} ms"
    return Figure(what, value, f"{found['count']:,} calls")


def first_line(say: Say, *, boots: int = BOOTS) -> Section:
    """From the reset to the first line of the application, and to the version report."""
    say(f"first line: {boots} boots")
    firsts, ups, imports = [], [], []
    with compiled_sim(), Desk(small=True) as desk:
        board = desk.board("first_line")
        loader = (ROOT / "micropython" / "boot.py").read_bytes()
        board.install_file("/boot.py", _STAMP + loader)
        board.write_slot(0, desk.image("1.0.0", "first_line"))
        for count in range(1, boots + 1):
            board.power_on()
            imports.append(float(wait_said(board, "imported", count)) / 1000)
            firsts.append(float(wait_said(board, "first", count)) / 1000)
            ups.append(float(wait_said(board, "reported", count)) / 1000)
            board.power_cut()
    figures = [
        Figure("first line of the application", f"{median(firsts):.1f} ms", f"{boots} boots"),
        Figure("importing Device and Updater", f"{median(imports):.1f} ms", f"{boots} boots"),
        Figure("version report acknowledged, TLS", f"{median(ups):.0f} ms", f"{boots} boots"),
    ]
    about = (
        "From the moment at which the firmware starts boot.py: loader, mounting the slot's "
        "file system, main.py. The time of the boot ROM and of the interpreter's own start is "
        "not in it."
    )
    return Section("boot", "after a reset", figures, about)
