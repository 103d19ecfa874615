"""A board that takes its time: 12 s to start, and 15 s of silence in a soft reset.

The board's times are a tenth here, and so is what tools/flash.py waits before it asks again or
tells a person; not what it waits before it gives up. SERIAL_SCALE=1 runs all of it in full.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from host_tests.kit.serial_rig import QUIET, SerialRig, TcpPort, flash
from tools.flashing import link as device_link
from tools.flashing.patience import Patience
from tools.flashing.waiting import Waiting

SCALE = float(os.environ.get("SERIAL_SCALE", "0.1"))
START_S = 12 * SCALE
SOFT_S = 15 * SCALE
_SHORT = Patience().scaled(SCALE)
ASKING = replace(
    Patience(), ask=_SHORT.ask, first=_SHORT.first, quiet=_SHORT.quiet, tell=_SHORT.tell
)


@pytest.fixture
def rig(one_rig: SerialRig, monkeypatch: pytest.MonkeyPatch) -> Iterator[SerialRig]:
    """A slow board, off."""
    monkeypatch.setattr(device_link, "PATIENCE", ASKING)
    board = one_rig.board
    board.power_cut()
    board.console.clear()
    board.start_s, board.soft_s = START_S, SOFT_S
    yield one_rig
    board.start_s = board.soft_s = 0.0
    board.line.deaf = False


@pytest.mark.parametrize("deaf", [False, True])
def test_a_board_that_is_still_starting_is_waited_for(rig: SerialRig, deaf: bool) -> None:
    # What was typed meanwhile is lost, or done all at once when it is up.
    rig.board.line.deaf = deaf
    rig.board.power_on()
    code, said = rig.flash("status")
    assert code == 0, said
    assert "the board does not answer; it may be starting ... " in said
    assert "ota_0          version 1.0.0" in said


@pytest.mark.parametrize("verb", ["provision", "deploy", "selftest"])
def test_a_soft_reset_may_be_silent_for_longer_than_any_answer(
    rig: SerialRig, verb: str, tmp_path: Path
) -> None:
    (tmp_path / "main.py").write_text(QUIET)
    options = {
        "provision": ["--file", str(rig.settings_file())],
        "deploy": [str(tmp_path)],
        "selftest": ["--offline"],
    }
    rig.board.start_s = 0
    rig.board.power_on()
    rig.says("quiet")
    code, said = rig.flash(verb, *options[verb])
    assert code == 0, said
    before, reset, since = said.partition("the board is starting ... ")
    assert reset, before  # a busy machine's board may be late with its first answer, too
    assert "does not answer" not in since


def test_a_board_that_never_comes_back_from_a_soft_reset_is_given_up(
    rig: SerialRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasty = Patience(boot=SOFT_S / 2, tell=SOFT_S / 10, announce=0.2)
    monkeypatch.setattr(device_link, "PATIENCE", hasty)
    rig.board.start_s = 0
    rig.board.power_on()
    rig.says("quiet")
    code, said = rig.flash("provision", "--clear")
    assert code == 1
    assert f"did not come back from a soft reset within {SOFT_S / 2:g} s" in said


def test_a_url_is_a_port_too(rig: SerialRig) -> None:
    rig.board.soft_s = 0
    rig.board.power_on()
    with TcpPort(rig.port) as there:
        code, said = flash("status", "--port", there.url)
    assert code == 0, said
    assert "ota_0          version 1.0.0" in said


@pytest.mark.parametrize("terminal", [True, False])
def test_the_wait_is_told_in_seconds_and_not_before_it_is_one(terminal: bool) -> None:
    said = io.StringIO()
    said.isatty = lambda: terminal  # type: ignore[method-assign]
    now = [100.0]
    with Waiting("the board is starting", clock=lambda: now[0], stream=said) as waiting:
        for now[0] in (100.1, 102.9):
            waiting.tick()
        assert said.getvalue() == ""
        for now[0] in (103.0, 103.5, 104.1, 112.0, 114.0):
            waiting.tick()
    told = ["3", "4", "12", "14"] if terminal else ["3", "14"]
    lines = [f"the board is starting ... {n} s" for n in told]
    if terminal:
        assert said.getvalue() == "".join("\r" + s for s in lines) + "\r" + " " * 30 + "\r"
    else:
        assert said.getvalue() == "".join(line + "\n" for line in lines)
