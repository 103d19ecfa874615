"""The stand-in's page in a real browser: it lives, fits a phone, and runs nobody else's script."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from host_tests.kit import paged
from host_tests.kit.browser import browser as a_browser
from host_tests.kit.raw_mqtt import DN, PK, SECRET, online
from tools.cloud import LocalCloud

# As fast as a small machine that does other things can be waited for.
TIMEOUT_MS = 30_000
PHONE = {"width": 360, "height": 740}
NASTY = '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script>'


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=TIMEOUT_MS)
    with a_browser() as started:
        yield started


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    context.set_default_timeout(TIMEOUT_MS)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A tab that has nothing to complain of: no error of a script, and none of the policy."""
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    yield page
    assert wrong == []


SETTINGS, prepare = paged.SETTINGS, paged.prepare


def test_an_update_is_seen_while_it_happens(cloud: LocalCloud, page: Page) -> None:
    page.goto(cloud.page_url)
    expect(page.locator("#link")).to_have_text("live")
    device_row = page.locator(f'#devices tr[data-key="{PK}/{DN}"]')
    expect(device_row).to_contain_text("offline")
    expect(page.locator("#tasks tr")).to_have_count(0)
    with online(cloud) as device:
        expect(device_row).to_contain_text("1.0.0")
        cloud.batch(PK, "1.1.0", devices=(DN,))
        device.push()
        expect(page.locator("#rollouts rect.NOTIFIED")).to_have_count(1)
        expect(page.locator("#summary")).to_contain_text("1 rollout running")
        device.progress("42", "downloading")
        expect(page.locator("#tasks")).to_contain_text("downloading")
        device.report("1.1.0")
        expect(page.locator("#tasks")).to_contain_text("succeeded")
        expect(page.locator("#rollouts rect.SUCCEEDED")).to_have_count(1)
        expect(page.locator("#rollouts")).to_contain_text("completed")
        expect(page.locator("#summary")).to_contain_text("0 rollouts running")
        expect(device_row).to_contain_text("1.1.0")
        page.get_by_role("link", name=f"{PK}/{DN}").click()
        expect(page.locator("#history tr").last).to_contain_text("the device reports 1.1.0")
        expect(page.locator("#task")).to_contain_text("rollout 1")


def test_what_a_device_says_does_nothing_in_the_browser(cloud: LocalCloud, page: Page) -> None:
    page.goto(cloud.page_url)
    expect(page.locator("#link")).to_have_text("live")
    with online(cloud) as device:
        cloud.push(PK, DN, "1.1.0")
        device.push()
        device.progress("100", NASTY)
        device.progress("-1", NASTY)
        # As it came with an event, and as it comes with the page; as a text both times.
        expect(page.locator("#devices")).to_contain_text(NASTY)
        page.reload()
        expect(page.locator("#devices")).to_contain_text(NASTY)
        page.goto(cloud.page_url + "tasks/1")
        expect(page.locator("#history tr").last).to_contain_text(NASTY)
    assert page.locator("img").count() == 0
    assert page.evaluate("window.hurt") is None


def test_the_page_comes_back_when_the_server_does(
    cloud: LocalCloud, context: BrowserContext, tmp_path: Path
) -> None:
    page = context.new_page()
    page.goto(cloud.page_url)
    expect(page.locator("#link")).to_have_text("live")
    cloud.close()
    expect(page.locator("#link")).to_have_text("not connected, trying again")
    with LocalCloud(tmp_path, page_port=urlsplit(cloud.page_url).port) as again:
        again.add_device(PK, "cellar", SECRET)
        expect(page.locator("#link")).to_have_text("live")
        expect(page.locator("#devices")).to_contain_text("cellar")


def test_nothing_is_cut_off_on_a_phone(cloud: LocalCloud, page: Page) -> None:
    page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    with online(cloud) as device:
        cloud.batch(PK, "1.1.0")
        device.push()
        device.progress("100", "stored")
        device.progress("-1", "E92 the_trial_was_ended_by_its_watchdog_" + "x" * 80)
        device.ping()
        for path in ("", "tasks/1"):
            page.goto(cloud.page_url + path)
            expect(page.locator("#link")).to_have_text("live")
            expect(page.locator("body")).to_contain_text("E92")
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= PHONE["width"]
        small = page.evaluate(
            "Math.min(...[...document.querySelectorAll('td')].filter(one => one.innerText.trim())"
            ".map(one => parseFloat(getComputedStyle(one).fontSize)))"
        )
        assert small >= 12


def test_one_device_of_many_is_found_by_its_name(cloud: LocalCloud, page: Page) -> None:
    page.goto(cloud.page_url)
    expect(page.locator("#link")).to_have_text("live")
    page.locator("#filter").fill("ROOF")
    rows = page.locator("#devices tr:visible")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("roof_1")
    # What comes later is sifted, too.
    cloud.add_device(PK, "cellar", SECRET)
    cloud.add_device(PK, "roof_2", SECRET)
    expect(rows).to_have_count(2)
    page.locator("#filter").fill("")
    expect(rows).to_have_count(4)


def test_a_stranger_s_site_cannot_read_the_page_under_its_own_name(
    cloud: LocalCloud, context: BrowserContext
) -> None:
    """DNS rebinding: its name leads to this machine, its script asks "itself"."""
    page = context.new_page()
    answer = page.goto(f"http://stranger.example:{urlsplit(cloud.page_url).port}/")
    assert answer is not None
    assert answer.status == 400
    assert DN not in page.content()


def test_the_token_opens_the_page_once_and_is_then_out_of_sight(
    tmp_path: Path, page: Page, browser: Browser
) -> None:
    with LocalCloud(tmp_path, page_port=0, page_listen="0.0.0.0") as cloud:
        prepare(cloud)
        page.goto(cloud.page_url)
        expect(page.locator("#devices")).to_contain_text(DN)
        expect(page.locator("#link")).to_have_text("live")
        assert "token" not in page.url
        page.reload()
        expect(page.locator("#link")).to_have_text("live")
        assert page.evaluate("document.cookie") == ""
        stranger = browser.new_context()
        answer = stranger.new_page().goto(page.url)
        assert answer is not None
        assert answer.status == 403
        stranger.close()
