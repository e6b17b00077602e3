"""A real browser in a thread of its own.

Playwright runs an event loop in its thread, and Django refuses database access there. Scenarios are functions of
a page that run in the browser's thread, while the test's thread uses the database.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Page, ViewportSize, expect, sync_playwright

Result = TypeVar("Result")
DESKTOP: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
# Milliseconds. A wait ends when its condition holds; the limit is high for busy machines.
_TIMEOUT_MS = 60_000
expect.set_options(timeout=_TIMEOUT_MS)


def played_seconds(page: Page) -> float:
    """Return the playback position of the page's video once it moves; 0 if it does not."""
    give_up_at = time.monotonic() + _TIMEOUT_MS / 1000
    # Playwright's own waiting evaluates strings in the page, which the site's policy forbids.
    while time.monotonic() < give_up_at:
        seconds = float(page.evaluate("document.querySelector('video.result').currentTime"))
        if seconds > 0.2:
            return seconds
        page.wait_for_timeout(50)
    return 0


# axe measures contrast wrongly during an animation, and is injected as an inline script.
FOR_AXE: dict[str, Any] = {"reduced_motion": "reduce", "bypass_csp": True}


def violations(page: Page) -> list[Any]:
    """Return the violations of accessibility on a page, without minor ones. Nothing may be wider than the screen."""
    assert page.viewport_size is not None
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    found = [fault for fault in Axe().run(page).response["violations"] if fault["impact"] != "minor"]
    return [(page.url, fault["id"], [node["html"] for node in fault["nodes"]]) for fault in found]


class BrowserProcess:
    """Headless Chromium, and the thread of Playwright that controls it."""

    def __init__(self, executable: str) -> None:
        self._executable = executable
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="browser")

    def __enter__(self) -> Self:
        self.thread.submit(self._start).result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.thread.submit(self._stop).result()
        self.thread.shutdown()

    def _start(self) -> None:
        self._playwright = sync_playwright().start()
        self.chromium = self._playwright.chromium.launch(executable_path=self._executable, args=["--no-sandbox"])

    def _stop(self) -> None:
        self.chromium.close()
        self._playwright.stop()


class Browser:
    """Chromium for one test. `console_errors`: errors and warnings of its console, violations of the CSP among them."""

    def __init__(self, process: BrowserProcess) -> None:
        self._process = process
        self.console_errors: list[str] = []

    def run(
        self,
        base_url: str,
        scenario: Callable[[Page], Result],
        *,
        session: str | None = None,
        viewport: ViewportSize = DESKTOP,
        **options: Any,
    ) -> Result:
        """Run the scenario and return its result. session: the cookie of a signed-in person."""

        def run_in_thread() -> Result:
            chromium = self._process.chromium
            context = chromium.new_context(base_url=base_url, viewport=viewport, locale="en-US", **options)
            context.set_default_timeout(_TIMEOUT_MS)
            if session:
                context.add_cookies([{"name": "sessionid", "value": session, "url": base_url}])
            page = context.new_page()
            page.on("console", self._listen)
            page.on("pageerror", lambda error: self.console_errors.append(f"uncaught: {error}"))
            try:
                return scenario(page)
            finally:
                context.close()

        return self._process.thread.submit(run_in_thread).result()

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.console_errors.append(f"{message.type}: {message.text} ({message.location.get('url')})")


def chromium() -> str:
    """The path of the browser. Without a browser these tests fail; they are not skipped."""
    # The shell has the same engine without the interface: it starts three times as fast.
    names = ("chromium-headless-shell", "chromium", "google-chrome")
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if not found or not Path(found).exists():
        pytest.fail("These tests need Chromium: apt-get install chromium, or set CHROMIUM to its path.")
    return found


@pytest.fixture(scope="session")
def browser_process() -> Iterator[BrowserProcess]:
    """A browser for all tests of this process. Each scenario has a context of its own."""
    with BrowserProcess(chromium()) as process:
        yield process


@pytest.fixture
def browser(browser_process: BrowserProcess) -> Iterator[Browser]:
    """A browser without cookies. The test fails if its console shows an error, a warning or a violation of the CSP."""
    found = Browser(browser_process)
    yield found
    assert found.console_errors == []
