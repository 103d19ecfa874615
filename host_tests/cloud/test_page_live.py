"""The stand-in's page while it is looked at: what changes is sent, and nothing else."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import pytest
import requests

from host_tests.kit import paged
from host_tests.kit.cloud_commands import run
from host_tests.kit.events import Events
from host_tests.kit.paged import NAME
from host_tests.kit.raw_mqtt import DN, PK, online
from host_tests.kit.tasks import offered
from tools.cloud import LocalCloud
from tools.cloud.page import feed
from tools.cloud.records import Records

SETTINGS, prepare = paged.SETTINGS, paged.prepare


def test_a_task_that_moves_is_told_without_being_asked(cloud: LocalCloud) -> None:
    with online(cloud) as device, Events(cloud.page_url + "events") as events:
        events.until(lambda all: "notes" in all.lists)
        assert events.lists["tasks"] == {}
        cloud.push(PK, DN, "1.1.0")
        events.until(lambda all: "NOTIFIED" in all.row("tasks", "1"))
        device.push()
        device.progress("42", "downloading")
        events.until(lambda all: 'value="42"' in all.row("tasks", "1"))
        device.report("1.1.0")
        events.until(lambda all: "SUCCEEDED" in all.row("tasks", "1"))
        events.until(lambda all: "1.1.0" in all.row("devices", NAME))


def test_the_history_of_a_task_grows_while_it_is_looked_at(cloud: LocalCloud) -> None:
    with offered(cloud) as device, Events(cloud.page_url + "tasks/1/events") as events:
        events.until(lambda all: "pushed" in all.row("history", "1"))
        device.progress("42", "downloading")
        events.until(lambda all: "downloading" in all.row("history", "2"))
    assert set(events.lists) == {"task", "history"}


def test_of_many_devices_only_the_row_that_changed_is_sent(cloud: LocalCloud) -> None:
    with online(cloud) as device, Events(cloud.page_url + "events") as events:
        events.until(lambda all: "notes" in all.lists)
        assert len(events.lists["devices"]) == 2
        events.changes.clear()
        device.report("1.0.5")
        events.until(lambda all: "1.0.5" in all.row("devices", NAME))
        device.report("1.0.6")
        events.until(lambda all: "1.0.6" in all.row("devices", NAME))
    changed = [change for change in events.changes if change["list"] == "devices"]
    assert [set(change["rows"]) for change in changed] == [{NAME}, {NAME}]
    assert not any("keys" in change for change in changed)


def test_what_another_command_writes_appears_by_itself(cloud: LocalCloud, tmp_path: Path) -> None:
    with Events(cloud.page_url + "events") as events:
        events.until(lambda all: "notes" in all.lists)
        run("device", "add", PK, "cellar", "--folder", str(tmp_path))
        events.until(lambda all: "cellar" in all.row("devices", f"{PK}/cellar"))
    assert list(events.lists["devices"]) == [f"{PK}/cellar", NAME, f"{PK}/roof_1"]


def test_a_stand_in_ends_although_somebody_looks_at_its_page(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with LocalCloud(tmp_path, page_port=0) as cloud:
        events = Events(cloud.page_url + "events")
        events.until(lambda all: "notes" in all.lists)
    with events, pytest.raises((EOFError, requests.RequestException)):
        events.read()
    gc.collect()
    assert "pending" not in caplog.text, "a task of it was left"


def test_nothing_is_read_for_a_page_that_nobody_looks_at() -> None:
    records = Records(lambda: 0.0)
    read: list[int] = []

    def snapshot() -> dict[str, dict[str, str]]:
        read.append(1)
        return {}

    async def look() -> None:
        watched = feed.Feed(records, lambda: 0, snapshot)
        records.changed()
        with watched.followed():
            assert await watched.next(0, 30) == 1
            with watched.followed():
                assert await watched.next(0, 30) == 1
        assert records.watchers
        await asyncio.sleep(0)  # the reader's turn to end
        assert not records.watchers
        with watched.followed():
            assert await watched.next(0, 30) == 1, "the reading of before is not shown again"

    asyncio.run(look())
    assert len(read) == 2


def test_too_many_who_look_are_told_so(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "FOLLOWERS_MAX", 1)
    with Events(cloud.page_url + "events") as first:
        first.until(lambda all: "notes" in all.lists)
        with Events(cloud.page_url + "events") as second:
            assert second.read() == ("full", {})
