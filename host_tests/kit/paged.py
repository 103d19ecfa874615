"""A stand-in with a page: two devices, and a version for them; and what the page says."""

from __future__ import annotations

import html
import re
from typing import Any

import requests

from host_tests.kit.raw_mqtt import DN, PK, SECRET
from tools.cloud import LocalCloud

SETTINGS = {"page_port": 0}
NAME = f"{PK}/{DN}"
PATHS = ("", "events", "tasks/1", "tasks/1/events", "static/page.js", "static/page.css")


def prepare(cloud: LocalCloud) -> None:
    """Add them; their CONNECTs are not counted."""
    cloud.faults.connects_per_minute = None
    for name in (DN, "roof_1"):
        cloud.add_device(PK, name, SECRET)
    cloud.add_release(PK, "1.1.0", b"image")


def get(url: str, **options: Any) -> requests.Response:
    """The answer as it comes, whatever it is."""
    return requests.get(url, timeout=30, stream=True, allow_redirects=False, **options)


def table(text: str, name: str) -> str:
    """The text of the page's table `name`."""
    found = re.search(rf'<tbody id="{name}">(.*?)</tbody>', text, re.DOTALL)
    assert found, text
    return html.unescape(re.sub(r"<[^>]*>", "", found[1]))
