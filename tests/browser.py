"""A real browser: Debian's chromium, without a screen. What it asks for, and what its console says, is kept."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from settings import PROJECT

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
"""chromium as root, on a machine without a screen; and without the look-ups that it makes for itself."""
SHOTS = PROJECT / ".screenshots"
"""What the pages looked like in the last test run; CI keeps the folder."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser. Skips the test where chromium is not installed; CI has to have it."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        missing = "there is no chromium on the PATH (Debian: apt-get install chromium)"
        pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=QUIET)
        try:
            yield browser
        finally:
            browser.close()


class Watched:
    """A page, what it asked the network for, and what its console said."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.said: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))


@contextmanager
def opened(
    browser: Browser, address: str, *, width: int = 1180, height: int = 900, **context: Any
) -> Iterator[Watched]:
    """`context` as playwright's new_context takes it, such as color_scheme."""
    made = browser.new_context(viewport={"width": width, "height": height}, **context)
    try:
        watched = Watched(made.new_page())
        watched.page.goto(address)
        yield watched
    finally:
        made.close()


def keep(page: Page, name: str, **options: Any) -> Path:
    """A screenshot, for people to look at."""
    SHOTS.mkdir(exist_ok=True)
    path = SHOTS / f"{name}.png"
    page.screenshot(path=path, **options)
    return path
