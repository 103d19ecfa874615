"""Who may see the stand-in's page, and what it may do in their browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from host_tests.kit import paged
from host_tests.kit.cloud_commands import run, serving
from host_tests.kit.paged import PATHS, get
from host_tests.kit.raw_mqtt import DN, PK
from tools.cloud import LocalCloud

SETTINGS, prepare = paged.SETTINGS, paged.prepare


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
