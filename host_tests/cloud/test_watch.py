"""`watch`: a fleet on one screen, and line by line in a pipe."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widgets import Input, Static

from host_tests.kit.cloud_commands import run, running
from host_tests.kit.raw_mqtt import DN, PK, SECRET, online
from host_tests.kit.rig import PATIENCE_S
from host_tests.kit.terminal import AtTerminal
from tools.cloud import LocalCloud
from tools.cloud.identity import Identity
from tools.cloud.operator.columns import Columns
from tools.cloud.operator.folder import CloudFolder
from tools.cloud.operator.screen import WatchApp
from tools.cloud.rows import kept

FLEET = 1000
LINES = 40
Snapshot = dict[str, Any]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """What is kept of a large fleet, each with a task; the last one's has failed."""
    folder = CloudFolder(tmp_path_factory.mktemp("fleet"), make=True)
    folder.book.add_release(folder.files, PK, "1.1.0", b"image")
    for number in range(FLEET):
        identity = Identity(PK, f"roof_{number:04}")
        folder.store.add_device(identity, SECRET, 0.0)
        folder.store.set_version(identity, "default", "1.0.0", 0.0)
        task = folder.book.add_task(PK, identity.device_name, "1.1.0")
    folder.book.finish(task, "FAILED", "E66 too-large: \x1b[31mno room for it")
    found = kept(folder.store)
    folder.store.close()
    return found


def on_screen(
    ask: Callable[[], Snapshot | None], act: Callable[[WatchApp, Pilot[None]], Awaitable[None]]
) -> None:
    """Do something at a screen that has been filled once."""

    async def go() -> None:
        app = WatchApp(ask)
        async with app.run_test(size=(100, LINES)) as pilot:
            await looked(app, pilot, 1)
            await act(app, pilot)

    asyncio.run(go())


async def looked(app: WatchApp, pilot: Pilot[None], times: int) -> None:
    await until(pilot, lambda: app.looks >= times)


async def until(pilot: Pilot[None], there: Callable[[], bool], *keys: str) -> None:
    """Wait until something is there; keys are pressed once more while it is not: a list that is
    filled anew in the middle of its scrolling stays where it is."""
    end = time.monotonic() + PATIENCE_S
    while not there():
        assert time.monotonic() < end, "it never came"
        await pilot.press(*keys)
        await pilot.pause(0.01)


def names(app: WatchApp, which: str) -> list[str]:
    at = {"devices": 0, "tasks": 1}[which]
    return [cells[at].partition("/")[2] for cells in app.query_one(f"#{which}", Columns).cells]


def seen(app: WatchApp, which: str) -> list[str]:
    """The lines of a list as they are on the screen."""
    found = app.query_one(f"#{which}", Columns)
    return [found.render_line(y).text.rstrip() for y in range(found.size.height)]


def test_a_large_fleet_is_scrolled_to_its_end_without_its_names_being_cut(fleet: Snapshot) -> None:
    async def act(app: WatchApp, pilot: Pilot[None]) -> None:
        assert len(names(app, "devices")) == FLEET
        assert seen(app, "devices")[1].startswith(f"{PK}/roof_0000  OFFLINE")
        last = f"{PK}/roof_0999  OFFLINE"
        await until(pilot, lambda: seen(app, "devices")[-1].startswith(last), "end")
        assert seen(app, "devices")[0].startswith("device")  # the head stays
        await pilot.press("tab")
        assert seen(app, "tasks")[1].startswith(f"1000  {PK}/roof_0999")  # the newest first
        assert "\ufffd[31mno room" in seen(app, "tasks")[1]

    on_screen(lambda: fleet, act)


def test_what_is_typed_filters_every_list_until_it_is_taken_away(fleet: Snapshot) -> None:
    async def act(app: WatchApp, pilot: Pilot[None]) -> None:
        await pilot.press(*"ROOF_099 failed")
        await pilot.pause()
        assert app.query_one("#filter", Input).value == "ROOF_099 failed"
        assert (names(app, "devices"), names(app, "tasks")) == ([], ["roof_0999"])
        assert app.query_one("#tasks", Columns).border_title == "tasks 1 of 1000"
        await pilot.press("escape")
        await pilot.pause()
        assert len(names(app, "tasks")) == FLEET
        await pilot.press("slash", *"quiet")  # as the first letter q is a key
        assert app.is_running
        assert app.query_one("#filter", Input).value == "quiet"

    on_screen(lambda: fleet, act)


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
def test_the_keys_that_the_screen_explains_work(fleet: Snapshot, key: str) -> None:
    async def act(app: WatchApp, pilot: Pilot[None]) -> None:
        told = str(app.query_one("#keys", Static).content)
        for word in ("scroll", "Tab", "filter", "Esc", "q Ctrl-C quit"):
            assert word in told
        if key == "ctrl+c":
            await pilot.press("slash")  # there, too
        await pilot.press(key)
        await pilot.pause()
        assert app.return_code == 0

    on_screen(lambda: fleet, act)


def test_it_follows_and_draws_no_more_than_fits_on_the_screen(
    fleet: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: set[tuple[str | None, int]] = set()
    plain = Columns.render_line

    def render_line(self: Columns, y: int) -> Strip:
        drawn.add((self.name, y))
        return plain(self, y)

    monkeypatch.setattr(Columns, "render_line", render_line)
    monkeypatch.setattr("tools.cloud.operator.screen.PAUSE_S", 0.01)
    later = {**fleet, "online": {f"{PK}/roof_0000": True}, "ports": {}}
    answers: Iterator[Snapshot | None] = iter([fleet, None])

    async def act(app: WatchApp, pilot: Pilot[None]) -> None:
        await looked(app, pilot, 2)
        assert "no server runs" in str(app.query_one("#summary", Static).content)
        assert len(names(app, "devices")) == FLEET  # what was known stays
        await looked(app, pilot, 3)
        assert "1000 devices, 1 online" in str(app.query_one("#summary", Static).content)
        assert seen(app, "devices")[1].startswith(f"{PK}/roof_0000  ONLINE   TLS")

    on_screen(lambda: next(answers, later), act)
    assert 0 < len(drawn) <= 2 * LINES


def test_on_a_terminal_it_takes_the_screen_and_gives_it_back(
    cloud: LocalCloud, tmp_path: Path
) -> None:
    with AtTerminal(["tools.cloud", "watch", "--folder", str(tmp_path)]) as terminal:
        terminal.waits(lambda said: DN in said and "1 devices" in said)
        terminal.types("q")
        assert terminal.ends() == 0
        assert "\x1b[?1049h" in terminal.said
        assert "\x1b[?1049l" in terminal.said


def test_in_a_pipe_it_prints_a_line_for_each_change_until_interrupted(
    cloud: LocalCloud, tmp_path: Path
) -> None:
    cloud.add_release(PK, "1.1.0", b"image")
    with running("watch", "--json", "--folder", str(tmp_path)) as watch:
        assert watch.stdout is not None
        lines = (dict(json.loads(line)) for line in watch.stdout)
        told: Snapshot = next(lines)
        assert (told["event"], told["device"], told["status"]) == ("device", DN, "UNACTIVE")
        with online(cloud, secret=SECRET) as device:
            while told.get("version") != "1.0.0":
                told = next(lines)
            assert told["status"] == "ONLINE"
            cloud.push(PK, DN, "1.1.0")
            device.push()
            while told["event"] != "task":
                told = next(lines)
            assert (told["version"], told["from"]) == ("1.1.0", "1.0.0")
            device.progress("42", "downloading")
            while told.get("progress") != 42:
                told = next(lines)
            assert told["why"] == "downloading"
        watch.send_signal(signal.SIGINT)
        _, err = watch.communicate(timeout=600)
    assert (watch.returncode, err) == (0, "")


def test_lines_for_people_have_no_boxes_and_no_colours(cloud: LocalCloud, tmp_path: Path) -> None:
    long = "a_name_of_sixty_letters_" + "x" * 36
    cloud.add_device(PK, long)
    with running("watch", "--folder", str(tmp_path)) as watch:
        assert watch.stdout is not None
        lines = [watch.stdout.readline() for _ in range(2)]
    assert any(f"device  {PK}/{long}  UNACTIVE  never reported" in one for one in lines)
    assert all(one.strip().isascii() and "\x1b" not in one for one in lines)


def test_without_a_server_it_says_so(tmp_path: Path) -> None:
    run("device", "add", PK, DN, "--folder", str(tmp_path))
    assert "serve" in run("watch", "--folder", str(tmp_path), fails=1)
