"""What is alive on the heap in each state of an application, and what that makes on a chip."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tools.bench.compiled import compiled_sim
from tools.bench.desk import APPS, PK, Desk, Say, said, wait_said
from tools.bench.report import Figure, target
from tools.images.application import ALINK
from tools.images.homes import dotted, of
from tools.sim import Board

RATIO = 1.43  # bytes of the 64-bit port for one of an ESP32's: all of alink was 157 KB and 110 KB
KIB = 1024
_SLOT = 11  # bytes that the table of names has for each on 64 bit, beside its letters
_IDLE = (26, 18)  # KiB at most: on the 64-bit port, on a chip
_WORST = (43, 30)
_NONE = (0, 0)
_UPDATE = ("judging", "beginning", "opening", "moving", "verifying", "storing", "on trial")
_PORT = "64-bit port"
_CHIP = f"reckoned for a chip (/ {RATIO})"


def measure(desk: Desk, schemes: tuple[str, ...]) -> dict[str, Any]:
    """What is alive in each state: (bytes, modules); the most over updates by each scheme.

    "idle" is what is there between two looks around, before an update or after it, whichever is
    more; "loader" what boot.py and the generated main.py hold (`alink` itself and parts.py among
    it), "watching" what they hold on trial beside that.
    """
    bare = _weighed(desk, "bare")
    found: dict[str, Any] = {"loader": (_weighed(desk, "loader") - bare, [])}
    calm: tuple[int, list[str]] = (0, [])
    for number, scheme in enumerate(schemes):
        board = _played(desk, f"states_{scheme}", f"1.1.{number}", "SUCCEEDED", scheme=scheme)
        wait_said(board, "idle", 2)
        board.power_cut()
        names = _SLOT * _names(board)
        for state, alive, modules in said(board, "worst"):
            if alive + names > found.get(state, (0, []))[0]:
                found[state] = (alive + names, modules)
        found[f"worst {scheme}"] = (at_worst(board), [])
        moving = said(board, "moving")[0] + names
        found["least"] = (min(moving, found.get("least", (moving,))[0]), [])
        first, again = said(board, "base")
        found["watching"] = (again - first, [])
        # On trial what watches over it was there before the package, and is let go.
        (alive, modules), (later, _) = said(board, "idle")
        idle = max(alive, later + again - first) + names
        calm = max(calm, (idle, modules))
        found["idle"] = calm
    return found


def failing(desk: Desk, scheme: str) -> int:
    """The most that is alive in an update that comes to its end and is not what was promised."""
    wrong = {"sign": "0" * 32, "md5": None}
    board = _played(desk, f"failing_{scheme}", "1.3.0", "FAILED", scheme=scheme, data=wrong)
    board.power_cut()
    return at_worst(board)


def interrupted(desk: Desk, scheme: str) -> int:
    """The most that is alive in an update during which the session breaks: it comes back, and the
    job is offered again."""
    desk.server.fault(drip_bytes=4096, drip_delay_s=0.3)
    name, version = f"interrupted_{scheme}", "1.4.0"
    board = _pushed(desk, name, version, scheme=scheme)
    board.wait_for(lambda: "moving" in _states(board), 120, "the download")
    desk.server.call("kick", PK, name)
    board.wait_for(lambda: board.console_text().count("signed in as") > 1, 120, "a new session")
    desk.push(name, version, scheme=scheme, override=True)
    wait_said(board, "beside")
    desk.server.fault(drip_bytes=0)
    desk.server.call("wait_task", PK, name, version, "SUCCEEDED", 120)
    board.power_cut()
    return at_worst(board)


def _played(desk: Desk, name: str, version: str, end: str, **options: Any) -> Board:
    # A board, switched on, whose update to `version`, pushed with `options`, has come to `end`.
    board = _pushed(desk, name, version, **options)
    desk.server.call("wait_task", PK, name, version, end, 120)
    return board


def _pushed(desk: Desk, name: str, version: str, **options: Any) -> Board:
    board: Board = desk.board(name)
    board.write_slot(0, desk.image("1.0.0", "states", small=True))
    desk.release(version, desk.image(version, "states"))
    board.power_on()
    wait_said(board, "idle")
    desk.push(name, version, **options)
    return board


def _states(board: Board) -> set[str]:
    return {str(state) for state, _, _ in said(board, "worst")}


def at_worst(board: Board) -> int:
    """The most that was alive in any state of an update, of a board that ran the application."""
    alive = [int(alive) for state, alive, _ in said(board, "worst") if state in _UPDATE]
    return max(alive) + _SLOT * _names(board)


def _names(board: Board) -> int:
    # How many names the package has brought until the board was idle, and with it its job.
    counts = [int(one) for one in re.findall(r"n_qstr=(\d+)", board.console_text())]
    return max(counts) - min(counts)


def _weighed(desk: Desk, name: str) -> int:
    # What is alive in an application that does nothing, with the loader or without it.
    board: Board = desk.board(name)
    if name == "bare":
        board.remove_file("/boot.py")
        board.install_file("/main.py", (APPS / "baseline.py").read_bytes())
        board.write_slot(0, desk.image("1.0.0", small=True))
    else:
        board.write_slot(0, desk.image("1.0.0", "baseline", small=True))
    board.power_on()
    alive = int(wait_said(board, "alive"))
    board.power_cut()
    return alive


def figures(say: Say, weights: Mapping[str, int], schemes: tuple[str, ...]) -> list[Figure]:
    """For each state a line of the 64-bit port and one reckoned for a chip.

    weights: bytes by module on 32 bit, where that is known.
    """
    say("chip: alive by state")
    with compiled_sim(), Desk(small=True) as desk:
        found = measure(desk, schemes)
        failed = {scheme: failing(desk, scheme) for scheme in schemes}
        broken = {scheme: interrupted(desk, scheme) for scheme in schemes}
    loader, watching = found.pop("loader")[0], found.pop("watching")[0]
    lines = [
        Figure(
            f"{_PORT}: boot.py's and main.py's, beside all of the following",
            f"{loader:,} bytes",
            "the volume mounted on its block device, alink/__init__.py and parts.py; on trial "
            f"{watching:,} more",
        )
    ]

    def both(what: str, alive: int, most: tuple[int, int], *notes: str) -> None:
        for where, bytes_, limit, note in (
            (_PORT, alive, most[0], notes[0]),
            (_CHIP, round(alive / RATIO), most[1], notes[-1]),
        ):
            figure = Figure(f"{where}: {what}", f"{bytes_:,} bytes", note)
            met = bytes_ <= limit * KIB
            lines.append(target(figure, met, f"at most {limit} KiB") if limit else figure)

    names = {new: old for old, new in dotted(of(ALINK)).items()}
    for state, (alive, loaded) in found.items():
        modules = sorted(names.get(module, module) for module in loaded)
        if state == "least":
            both("alive when moving, the least", alive, _NONE, "")
        elif modules:
            code = sum(weights.get(module, 0) for module in modules)
            note = f"the code of these modules is {code:,} bytes on 32 bit" if code else ""
            what = f"alive {state if state == 'on trial' else f'when {state}'}"
            limit = _IDLE if state == "idle" else _NONE
            both(what, alive, limit, f"loaded: {' '.join(modules)}", note)
    for scheme in schemes:
        what = f"alive at the worst moment of an update over {scheme.upper()}"
        both(what, found[f"worst {scheme}"][0], _WORST, "")
        both(f"{what} that fails", failed[scheme], _WORST, "")
        both(f"{what} whose session breaks", broken[scheme], _WORST, "")
    return lines
