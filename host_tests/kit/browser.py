"""Debian's chromium, driven by playwright: a page as a person has it, with its scripts."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")


def find() -> str | None:
    """The program, or None."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """A browser without a window; skips the test by name where there is none."""
    program = find()
    if program is None:
        pytest.skip("NO CHROMIUM HERE: install it (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=program,
            # Other names for this machine, as a stranger's name server would give them.
            args=["--host-resolver-rules=MAP *.example 127.0.0.1"],
        )
        try:
            yield started
        finally:
            started.close()
