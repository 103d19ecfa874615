"""The page in Chinese: whole, by the browser's languages or by a switch that stays."""

from __future__ import annotations

import functools
import html
import re
from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import Browser, expect

from host_tests.kit import paged
from host_tests.kit.browser import browser as a_browser
from host_tests.kit.events import Events
from host_tests.kit.raw_mqtt import DN, PK, online
from tools.cloud import LocalCloud
from tools.cloud.page import language
from tools.cloud.page.lists import FOLDER, environment

SETTINGS, prepare = paged.SETTINGS, paged.prepare
HAN = re.compile(r"[\u4e00-\u9fff]")


def page_of(cloud: LocalCloud, path: str = "", **headers: str) -> str:
    answer = requests.get(cloud.page_url + path, headers=headers, timeout=30)
    answer.encoding = "utf-8"
    return str(answer.text)


@pytest.mark.parametrize(
    ("accepted", "code"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("zh", "zh-CN"),
        ("zh-TW", "zh-CN"),
        ("en-GB,en;q=0.9,zh;q=0.8", "en"),
        ("de-DE,zh;q=0.5,en;q=0.4", "zh-CN"),
        ("de", "en"),
        ("", "en"),
        ("zh;q=nonsense, ;;;,en;q=0.1", "en"),
        ("*", "en"),
    ],
)
def test_the_page_speaks_the_language_that_the_browser_likes_best(
    accepted: str, code: str, cloud: LocalCloud
) -> None:
    text = page_of(cloud, **{"Accept-Language": accepted})
    assert f'<html lang="{code}">' in text
    assert ("升级批次" in text) is (code == "zh-CN")


def test_a_switch_stays_and_goes_before_what_the_browser_likes(cloud: LocalCloud) -> None:
    with requests.Session() as session:
        session.headers["Accept-Language"] = "en"
        assert 'href="?lang=zh"' in session.get(cloud.page_url, timeout=30).text
        session.get(cloud.page_url + "?lang=zh", timeout=30)
        assert 'lang="zh-CN"' in session.get(cloud.page_url, timeout=30).text
        assert 'href="?lang=en"' in session.get(cloud.page_url + "?lang=xx", timeout=30).text
        session.get(cloud.page_url + "?lang=en", timeout=30)
        assert '<html lang="en">' in session.get(cloud.page_url, timeout=30).text


def test_every_text_of_the_templates_has_its_chinese_and_none_is_left_over() -> None:
    asked: set[str] = set()
    for path in (FOLDER / "templates").iterdir():
        text = path.read_text(encoding="utf-8")
        asked |= set(re.findall(r'_\("([^"]+)"\)', text))
        for call in re.findall(r"parts\.table\((.*)\)", text):
            asked |= set(re.findall(r'"([^"]*)"', call.partition(",")[2])) - {""}
    asked |= {"at the broker", "offline", "online, TLS", "online, plain"}  # of lists.py
    states = {name for name in language._CHINESE if name.isupper()}
    assert len(asked) > 40
    assert asked | states == set(language._CHINESE)
    assert not [text for text in language._CHINESE.values() if not HAN.search(text)]


def test_no_text_of_a_page_stands_outside_of_the_words() -> None:
    """What people read between the tags is asked for in their language."""
    left = set()
    for path in (FOLDER / "templates").iterdir():
        text = re.sub(r"\{[{%#].*?[}%#]\}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        text = html.unescape(re.sub(r"<[^>]*>", " ", text))
        left |= set(re.findall(r"[A-Za-z]{2,}", text))
    assert left == {"alink"}
    style = (FOLDER / "static" / "page.css").read_text(encoding="utf-8")
    written = re.findall(r'^(.*) \{ content: "([A-Za-z]+)"', style, re.MULTILINE)
    assert written
    assert [one for one, _ in written if f":lang(zh) {one} {{ content:" not in style] == []


def tells(state: str, events: Events) -> bool:
    return state in str(events.lists.get("tasks"))


def test_what_changes_is_told_in_the_language_of_the_page(cloud: LocalCloud) -> None:
    with online(cloud) as device:
        cloud.push(PK, DN, "1.1.0")
        device.push()
        for lang, state in (("zh", "已推送"), ("en", "notified")):
            with Events(cloud.page_url + f"events?lang={lang}") as events:
                events.until(functools.partial(tells, state))
        assert "已推送" in page_of(cloud, "tasks/1", **{"Accept-Language": "zh"})


def test_a_state_that_has_no_word_is_shown_as_it_is() -> None:
    assert language.words("zh")("SOMETHING_NEW") == "SOMETHING_NEW"
    assert environment("en").globals["_"]("RUNNING") == "RUNNING"  # type: ignore[operator]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with a_browser() as started:
        yield started


def test_a_browser_that_speaks_chinese_sees_it_live_and_can_switch(
    cloud: LocalCloud, browser: Browser
) -> None:
    context = browser.new_context(locale="zh-CN")
    context.set_default_timeout(30_000)
    page = context.new_page()
    page.goto(cloud.page_url)
    expect(page.get_by_role("status")).to_have_text("实时", timeout=30_000)
    with online(cloud):
        expect(page.locator("#devices")).to_contain_text("未加密", timeout=30_000)
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("status")).to_have_text("live", timeout=30_000)
    page.get_by_role("link", name="中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN", timeout=30_000)
    context.close()
