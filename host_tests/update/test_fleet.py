"""`make demo DEMO=--fleet`: the platform's SDK, a rollout in phases over real boards, a page."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest
from playwright.sync_api import expect
from rich.console import Console

from host_tests.kit.browser import browser, find
from tools.cli import Refused
from tools.cloud import LocalCloud
from tools.demo import fleet as demo
from tools.demo.boards import PK
from tools.demo.fleet import FIRST, GOOD, DemoFleet

TIMEOUT_MS = 60_000


class Watcher:
    """A browser that opens the page once and is never reloaded; nothing where there is none."""

    def __init__(self, stack: contextlib.ExitStack, cloud: LocalCloud) -> None:
        self.page = stack.enter_context(browser()).new_page() if find() else None
        if self.page is not None:
            expect.set_options(timeout=TIMEOUT_MS)
            self.page.goto(cloud.page_url)

    def sees(self, where: str, text: str, rows: int) -> None:
        """So many rows of a list come to have this text."""
        if self.page is not None:
            expect(self.page.locator(f"#{where} tr", has_text=text)).to_have_count(rows)


@pytest.mark.parametrize("boards", [4, pytest.param(20, marks=pytest.mark.long)])
def test_a_good_release_reaches_a_whole_fleet_and_a_bad_one_harms_nobody(
    tmp_path: Path, boards: int
) -> None:
    told = io.StringIO()
    out = Console(file=told, soft_wrap=True, highlight=False)
    with contextlib.ExitStack() as stack:
        fleet = stack.enter_context(DemoFleet(tmp_path, boards, out))
        watcher = Watcher(stack, fleet.cloud)
        fleet.power_on()
        watcher.sees("devices", FIRST, boards)
        assert demo.good_release(fleet, out), told.getvalue()
        watcher.sees("devices", GOOD, boards)
        watcher.sees("rollouts", "completed", 4)
        before = len(fleet.cloud.downloads)
        assert demo.bad_release(fleet, out), told.getvalue()
        assert demo.told_in_the_end(fleet, out), told.getvalue()
        harmed = len(fleet.cloud.tasks("FAILED"))
        watcher.sees("devices", "trial-crashed", harmed)
        watcher.sees("summary", f"{harmed} failed", 1)
        # What a person reads names the phases, the threshold, and who is back.
        for text in ("phase 3 of 3 (all): passed", "may; ", "calibration", f"back on {GOOD}"):
            assert text in told.getvalue()
        assert [fleet.cloud.version(PK, name) for name in fleet.names] == [GOOD] * boards
        fetched = {one.device for one in fleet.cloud.downloads[before:]}
        assert len(fetched) == max(2, boards // 4)
        assert fleet.cloud.violations == []


def test_a_fleet_that_does_not_come_says_which_board_said_what(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "_LIMIT_S", 0.0)
    # Where making the last board takes long enough, all of them are there when first asked.
    monkeypatch.setattr(DemoFleet, "running", lambda self, version: [])
    with DemoFleet(tmp_path, 4, Console(file=io.StringIO())) as fleet:
        with pytest.raises(Refused, match=r"boards to report 1\.0\.0"):
            fleet.power_on()
        board = fleet.boards["fleet_04"]
        board.wait_for(lambda: "rom: " in board.console_text(), what="its first words")
        with pytest.raises(Refused) as refused:
            fleet.wait(lambda: False, "anything")
    assert "fleet_04: rom: " in str(refused.value)
