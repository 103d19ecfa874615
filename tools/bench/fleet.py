"""A fleet updating at once: how long until the last has succeeded, what the server pays."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

from tools.bench.compiled import compiled_sim
from tools.bench.desk import PK, Desk, Say
from tools.bench.report import Figure, Section
from tools.cloud import open_files
from tools.sim import Board

SIZES = (50, 200, 500)
_TOGETHER = 20  # switched on at once
_SIGN_IN_S = 60.0  # for each batch
_LIMIT_S = 300.0


def measure(say: Say, *, sizes: tuple[int, ...] = SIZES) -> Section:
    """One fleet after the other, each against a fresh server."""
    open_files.allow(sizes[-1] * 24 + 512)
    figures: list[Figure] = []
    for size in sizes:
        with compiled_sim(), Desk(small=True) as desk:
            try:
                figures += _fleet(desk, size, say)
            except RuntimeError as exc:
                why = str(exc).splitlines()[0]
                figures.append(Figure(f"{size} boards, to the last SUCCEEDED", "not reached", why))
    about = (
        "Whole boards of the sim, each a process with its own flash, loader, application and "
        "TLS sessions, over TLS to one server process; an image with 64 KiB of firmware. An "
        "idle board looks around once a second. All are signed in before the pushes begin; the "
        "time is from the first push to the last task's SUCCEEDED (download, read back, "
        "restart, trial, version report). Server CPU is that of this span. All boards share "
        "this machine's cores with the server, and their CPU is what the time is made of: the "
        "server's own share is the line below it."
    )
    return Section("fleet", "fleet", figures, about)


def _fleet(desk: Desk, size: int, say: Say) -> list[Figure]:
    say(f"fleet: {size} boards")
    image = desk.image("1.1.0", "fleet")
    desk.release("1.1.0", image)
    pattern = desk.board("pattern")
    pattern.write_slot(0, desk.image("1.0.0", "fleet"))
    pattern.close()
    boards: list[Board] = []
    try:
        names = [f"board_{number:03d}" for number in range(size)]
        for name in names:
            path = desk.folder / f"{name}.bin"
            shutil.copyfile(pattern.path, path)
            board = Board(path, heap_kib=512)
            boards.append(board)
            desk.provision(board, name)
        for first in range(0, size, _TOGETHER):
            for board in boards[first : first + _TOGETHER]:
                board.power_on()
            _wait(desk, names[first : first + _TOGETHER], boards)
        before = desk.server.usage
        began = float(desk.server.call("push_all", PK, names, "1.1.0"))
        ended = _ended(desk, size, boards)
        after = desk.server.usage
    finally:
        _off(boards)
    bytes_ = len(image) * size
    took = ended["last"] - began
    rate = f"{size / took:.1f} boards/s"
    return [
        Figure(
            f"{size} boards, to the last SUCCEEDED",
            f"{took:.1f} s",
            f"{rate}; {len(image):,} bytes each, {bytes_ / 1e6:.0f} MB in all",
        ),
        Figure(
            f"{size} boards, server",
            f"{after.cpu_s - before.cpu_s:.1f} s of CPU, {after.peak_mib:.0f} MiB at most",
            f"{(after.cpu_s - before.cpu_s) / size * 1000:.0f} ms of CPU a board; "
            f"{before.rss_mib:.0f} MiB before the pushes",
        ),
    ]


def _off(boards: list[Board]) -> None:
    for board in boards:
        board.close()
        Path(board.path).unlink(missing_ok=True)


def _wait(desk: Desk, names: list[str], boards: list[Board]) -> None:
    deadline = time.monotonic() + _SIGN_IN_S
    while (signed_in := desk.server.call("versions", PK, names, "1.0.0")) < len(names):
        _look(boards, deadline, f"{len(names)} boards to sign in ({signed_in} have)")
        time.sleep(0.2)


def _ended(desk: Desk, size: int, boards: list[Board]) -> dict[str, Any]:
    deadline = time.monotonic() + _LIMIT_S
    while True:
        found: dict[str, Any] = desk.server.call("ended", PK, "1.1.0")
        if found["states"].get("SUCCEEDED", 0) == size:
            return found
        if found["states"].get("FAILED"):
            raise RuntimeError(f"the fleet's tasks: {found['states']}")
        _look(boards, deadline, f"the fleet ({found['states']})")
        time.sleep(0.5)


def _look(boards: list[Board], deadline: float, what: str) -> None:
    for board in boards:
        if board.violation or board.bricked or (board.boots and board.boots[-1].at_repl):
            raise RuntimeError(f"{board.path.name} has stopped:\n{board.console_text()[-1500:]}")
    if time.monotonic() > deadline:
        raise RuntimeError(f"waited too long for {what}")
