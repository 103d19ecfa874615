"""The stand-in's page, asked as a browser asks: what it shows."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest
import requests

from host_tests.kit import paged
from host_tests.kit.events import Events
from host_tests.kit.paged import NAME, get, table
from host_tests.kit.raw_mqtt import DN, PK, RawDevice, online
from host_tests.kit.rig import ROOT
from host_tests.kit.tasks import offered
from tools.cloud import LocalCloud

NASTY = '<img src=x onerror="alert(1)">\'{{7*7}}\u202e&amp;'

SETTINGS, prepare = paged.SETTINGS, paged.prepare


def test_the_page_shows_each_device_with_its_version_and_link(cloud: LocalCloud) -> None:
    with online(cloud):
        text = requests.get(cloud.page_url, timeout=30).text
    devices = " ".join(table(text, "devices").split())
    assert f"{DN} {PK} online, plain 1.0.0 now" in devices
    assert f"roof_1 {PK} offline never reported never" in devices


def test_a_device_that_went_away_was_seen_when_it_went(cloud: LocalCloud) -> None:
    with online(cloud):
        pass
    cloud.wait_for(lambda: not cloud.online(PK, DN))
    text = requests.get(cloud.page_url, timeout=30).text
    assert re.search(r"offline\s+1\.0\.0\s+20\d\d-\d\d-\d\d \d\d:\d\d", table(text, "devices"))


def page_after(cloud: LocalCloud, *progress: tuple[str, str]) -> str:
    """The page when a device has reported this of its update."""
    with offered(cloud) as device:
        for step, desc in progress:
            device.progress(step, desc)
        device.ping()
        return str(requests.get(cloud.page_url, timeout=30).text)


def test_a_fall_back_is_shown_with_its_reason_and_its_history(cloud: LocalCloud) -> None:
    text = page_after(cloud, ("100", "stored"), ("-1", "E92 watchdog: 1.1.0 fell"))
    shown = table(text, "devices")
    assert "from 1.1.0" in shown
    assert "E92 watchdog: 1.1.0 fell" in shown
    link = re.search(r'"fell back".*?href="/(tasks/\d+)"', text)
    assert link is not None
    history = table(requests.get(cloud.page_url + link[1], timeout=30).text, "history")
    said = ("queued created", "notified pushed", "in progress 100 stored", "failed -1 E92 ")
    places = [" ".join(history.split()).index(one) for one in said]
    assert places == sorted(places)


def test_a_download_that_failed_is_no_fall_back(cloud: LocalCloud) -> None:
    text = page_after(cloud, ("40", "downloading"), ("-2", "E40 the link is gone"))
    assert "E40" in table(text, "tasks")
    assert "E40" not in table(text, "devices")


def test_a_rollout_has_a_bar_as_long_as_its_devices(cloud: LocalCloud) -> None:
    with online(cloud) as device:
        cloud.batch(PK, "1.1.0")
        device.push()
        device.report("1.1.0")
        device.ping()
        text = requests.get(cloud.page_url, timeout=30).text
    assert '<svg class="bar" viewBox="0 0 2 1"' in text
    assert '<rect class="SUCCEEDED" x="0" width="1"' in text
    assert '<rect class="QUEUED" x="1" width="1"' in text
    assert "1 succeeded 1 queued" in " ".join(table(text, "rollouts").split())


def test_what_a_device_says_is_text_and_never_html(cloud: LocalCloud) -> None:
    stranger = RawDevice(cloud)
    with offered(cloud) as device, stranger, Events(cloud.page_url + "events") as events:
        device.progress("100", NASTY)
        device.progress("-1", NASTY)
        device.ping()
        assert stranger.connect(user_name=f"{NASTY}&{NASTY}") != 0
        events.until(
            lambda all: (
                "FAILED" in all.row("tasks", "1")
                and any("refused" in row for row in all.lists.get("notes", {}).values())
            )
        )
        pages = [requests.get(cloud.page_url + path, timeout=30).text for path in ("", "tasks/1")]
        told = "".join(row for rows in events.lists.values() for row in rows.values())
    for text in (*pages, told):
        assert "onerror" in text
        assert "<img" not in text
        assert "{{7*7}}" in text
        assert "\u202e" not in text
        # The device's own "&amp;" is its text, too: it stays what it was.
        assert html.unescape(text).count("&amp;") == text.count("&amp;amp;") > 0


def test_a_task_that_is_not_there_is_not_found(cloud: LocalCloud) -> None:
    for number in ("1", "0", "9" * 40):
        for path in (f"tasks/{number}", f"tasks/{number}/events"):
            assert get(cloud.page_url + path).status_code == 404


def test_a_snapshot_has_what_the_page_shows(cloud: LocalCloud, tmp_path: Path) -> None:
    """And what `status --json` and the like can show: there is one reading."""
    with offered(cloud) as device:
        device.progress("100", "stored")
        device.progress("-1", "E92 fell")
        device.ping()
        snapshot = cloud._call(cloud._program.snapshot)
    json.dumps(snapshot)
    assert snapshot["falls"][NAME]["why"] == "E92 fell"
    assert snapshot["falls"][NAME]["version"] == "1.1.0"
    assert snapshot["seen"][NAME] == pytest.approx(snapshot["notes"][-1][0], abs=60)


def test_the_picture_of_the_page_is_there_and_small() -> None:
    picture = (ROOT / "docs" / "page.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) < 150_000
    assert "(page.png)" in (ROOT / "docs" / "cloud.md").read_text(encoding="utf-8")
