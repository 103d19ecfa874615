"""The stand-in's page, asked as a browser asks: what it shows, when, and to whom."""

from __future__ import annotations

import asyncio
import gc
import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from host_tests.kit import paged
from host_tests.kit.cloud_commands import run, serving
from host_tests.kit.events import Events
from host_tests.kit.raw_mqtt import DN, PK, RawDevice, online
from host_tests.kit.rig import ROOT
from tools.cloud import LocalCloud
from tools.cloud.page import feed
from tools.cloud.records import Records

NASTY = '<img src=x onerror="alert(1)">\'{{7*7}}\u202e&amp;'
NAME = f"{PK}/{DN}"
PATHS = ("", "events", "tasks/1", "tasks/1/events", "static/page.js", "static/page.css")


SETTINGS, prepare = paged.SETTINGS, paged.prepare


def updating(cloud: LocalCloud, dn: str = DN) -> RawDevice:
    device = online(cloud)
    cloud.push(PK, dn, "1.1.0")
    device.push()
    return device


def get(url: str, **options: Any) -> requests.Response:
    return requests.get(url, timeout=30, stream=True, allow_redirects=False, **options)


def table(text: str, name: str) -> str:
    found = re.search(rf'<tbody id="{name}">(.*?)</tbody>', text, re.DOTALL)
    assert found, text
    return html.unescape(re.sub(r"<[^>]*>", "", found[1]))


# --- what it shows ---


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


def test_a_fall_back_is_shown_with_its_reason_and_its_history(cloud: LocalCloud) -> None:
    with updating(cloud) as device:
        device.progress("100", "stored")
        device.progress("-1", "E92 watchdog: 1.1.0 fell")
        device.ping()
        text = requests.get(cloud.page_url, timeout=30).text
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
    with updating(cloud) as device:
        device.progress("40", "downloading")
        device.progress("-2", "E40 the link is gone")
        device.ping()
        text = requests.get(cloud.page_url, timeout=30).text
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
    with updating(cloud) as device, stranger, Events(cloud.page_url + "events") as events:
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


# --- live ---


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
    with updating(cloud) as device, Events(cloud.page_url + "tasks/1/events") as events:
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


# --- who may see it ---


def test_a_page_of_elsewhere_whose_name_leads_here_sees_nothing(cloud: LocalCloud) -> None:
    cloud.push(PK, DN, "1.1.0")
    port = urlsplit(cloud.page_url).port
    for path in PATHS:
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", ""):
            answer = get(cloud.page_url + path, headers={"Host": host})
            assert answer.status_code == 400, (path, host)
            assert DN not in answer.text
        for host in (f"127.0.0.1:{port}", f"localhost:{port}", "LOCALHOST", f"[::1]:{port}"):
            with get(cloud.page_url + path, headers={"Host": host}) as answer:
                assert answer.status_code == 200, (path, host)


@pytest.fixture
def open_cloud(tmp_path: Path) -> Iterator[LocalCloud]:
    """One whose page other machines may reach."""
    with LocalCloud(tmp_path, page_port=0, page_listen="0.0.0.0") as cloud:
        prepare(cloud)
        cloud.push(PK, DN, "1.1.0")
        yield cloud


def test_elsewhere_than_on_this_machine_the_token_is_needed(open_cloud: LocalCloud) -> None:
    url, _, token = open_cloud.page_url.partition("?token=")
    assert len(token) >= 32
    jar = {f"alink_page_{urlsplit(url).port}": token}
    for path in PATHS:
        for query in ("", "?token=", f"?token={token[:-1]}", f"?token={token}x", "?token=%ff%e9"):
            refused = get(f"{url}{path}{query}")
            assert refused.status_code == 403, path
            assert DN not in refused.text
            assert "set-cookie" not in refused.headers
        assert get(url + path, cookies=dict.fromkeys(jar, "no")).status_code == 403
        with get(url + path, cookies=jar) as answer:
            assert answer.status_code == 200


def test_the_token_becomes_a_cookie_that_no_script_and_no_other_site_has(
    open_cloud: LocalCloud,
) -> None:
    answer = get(open_cloud.page_url)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "domain" not in cookie
    with requests.Session() as session:
        page = session.get(open_cloud.page_url, timeout=30)
    assert DN in page.text
    assert "token" not in page.url
    url, _, query = open_cloud.page_url.partition("?")
    away = get(f"{url}/evil.example/?{query}")
    assert away.headers["location"] == "/evil.example/"


def test_the_token_is_in_no_record_and_no_file(open_cloud: LocalCloud, tmp_path: Path) -> None:
    token = open_cloud.page_url.partition("?token=")[2]
    with requests.Session() as session:
        assert token not in session.get(open_cloud.page_url, timeout=30).text
    assert not any(token in str(note) for note in open_cloud.notes)
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert token.encode() not in path.read_bytes(), path


def test_devices_never_see_the_page(cloud: LocalCloud) -> None:
    assert str(cloud.http_port) not in cloud.page_url
    answer = get(f"http://127.0.0.1:{cloud.http_port}/")
    assert answer.status_code >= 400
    assert "<html" not in answer.text
    with get(f"http://127.0.0.1:{cloud.http_port}/events") as answer:
        assert answer.status_code >= 400


def test_the_page_shows_and_changes_nothing(cloud: LocalCloud) -> None:
    cloud.push(PK, DN, "1.1.0")
    for path in PATHS:
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            assert requests.request(method, cloud.page_url + path, timeout=30).status_code == 405


def test_a_browser_is_told_to_run_the_page_s_own_script_alone(cloud: LocalCloud) -> None:
    cloud.push(PK, DN, "1.1.0")
    for path in (*PATHS, "nothing"):
        with get(cloud.page_url + path) as answer:
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cache-control"] == "no-store"
    text = requests.get(cloud.page_url, timeout=30).text
    assert not re.search(r"<script(?! src=)|<style| style=| on\w+=", text)


def test_a_snapshot_has_what_the_page_shows(cloud: LocalCloud, tmp_path: Path) -> None:
    """And what `status --json` and the like can show: there is one reading."""
    with updating(cloud) as device:
        device.progress("100", "stored")
        device.progress("-1", "E92 fell")
        device.ping()
        snapshot = cloud._call(cloud._program.snapshot)
    json.dumps(snapshot)
    assert snapshot["falls"][NAME]["why"] == "E92 fell"
    assert snapshot["falls"][NAME]["version"] == "1.1.0"
    assert snapshot["seen"][NAME] == pytest.approx(snapshot["notes"][-1][0], abs=60)


@pytest.mark.parametrize("listen", ["127.0.0.1", "0.0.0.0"])
def test_serve_tells_where_the_page_is_and_its_token_once(tmp_path: Path, listen: str) -> None:
    words = ("--folder", str(tmp_path), "--public", "127.0.0.1", "--page-listen", listen)
    with serving(*words) as lines:
        found = re.search(
            r"^page +(http://127\.0\.0\.1:\d+/(?:\?token=(.*))?)$", "".join(lines), re.M
        )
        assert found is not None, lines
        assert bool(found[2]) == (listen != "127.0.0.1")
        with requests.Session() as session:
            assert "<h1>alink</h1>" in session.get(found[1], timeout=30).text
    if found[2]:
        assert "".join(lines).count(found[2]) == 1


def test_a_page_for_everybody_has_to_have_an_address(tmp_path: Path) -> None:
    said = run("serve", "--folder", str(tmp_path), "--page-listen", "0.0.0.0", fails=1)
    assert "--page-listen" in said
    assert "--public" in said


def test_the_picture_of_the_page_is_there_and_small() -> None:
    picture = (ROOT / "docs" / "page.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) < 150_000
    assert "(page.png)" in (ROOT / "docs" / "cloud.md").read_text(encoding="utf-8")
