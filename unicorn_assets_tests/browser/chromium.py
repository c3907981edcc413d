"""Debian's Chromium, driven by Playwright, and what its console says."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Response, sync_playwright

EXECUTABLE = os.environ.get("UNICORN_CHROMIUM") or shutil.which("chromium")
MISSING = "Chromium is not installed (apt-get install chromium, or its path in UNICORN_CHROMIUM)"
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_SECONDS = 60

ACCEPTED: tuple[str, ...] = ()
"""Errors of the console that are Dagster's own and harmless, as patterns, each with its reason. There are none."""

FORGET = "try { localStorage.clear() } catch { /* a page without an address has none */ }"
"""The UI remembers which groups were open; here each page is opened as by somebody who has never been there."""

SCREENSHOTS = os.environ.get("UNICORN_SCREENSHOTS")
"""Folder that the README's pictures are written to; none are where it is not set."""


@contextmanager
def chromium(width: int = 1400, height: int = 900) -> Iterator[BrowserContext]:
    """A browser with a fresh profile, as a Playwright context."""
    with sync_playwright() as playwright, tempfile.TemporaryDirectory(prefix="unicorn-chromium-") as profile:
        context = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=EXECUTABLE,
            headless=True,
            args=OPTIONS,
            viewport={"width": width, "height": height},
        )
        context.set_default_timeout(PATIENCE_SECONDS * 1000)
        try:
            yield context
        finally:
            context.close()


@contextmanager
def quiet_page(context: BrowserContext) -> Iterator[Page]:
    """A page that nobody has used; it fails the block at its end if its console or an answer showed an error."""
    page = context.new_page()
    page.add_init_script(FORGET)
    wrong: list[str] = []

    def said(message: ConsoleMessage) -> None:
        if message.type == "error":
            wrong.append(message.text)

    def answered(answer: Response) -> None:
        if answer.status >= 400:
            wrong.append(f"{answer.status} {answer.url}")

    page.on("console", said)
    page.on("pageerror", lambda error: wrong.append(f"uncaught: {error}"))
    page.on("response", answered)
    try:
        yield page
    finally:
        page.close()
    assert not [line for line in wrong if not any(re.search(pattern, line) for pattern in ACCEPTED)]


def screenshot(page: Page, name: str) -> None:
    """Writes a picture for the README, if pictures were asked for."""
    if SCREENSHOTS:
        page.wait_for_timeout(1000)  # transitions end, so that two runs give nearly the same picture
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png")
