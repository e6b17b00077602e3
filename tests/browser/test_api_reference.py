"""The API reference: it complies with the CSP, follows the theme, and sends example requests."""

from typing import Any

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from jobs.models import Job
from tests.support.browser import DESKTOP, PHONE, Browser
from tests.support.people import Person

SUBMIT = "[id$=videos_create]"


def _try_out(page: Page) -> None:
    """Send the example of `POST /v1/videos` unchanged."""
    call = page.locator(SUBMIT)
    call.locator(".opblock-summary").click()
    call.get_by_role("button", name="Try it out").click()
    call.get_by_role("button", name="Execute").click()
    expect(call.locator(".live-responses-table tbody .response-col_status")).to_contain_text("202")


def test_a_request_is_sent_with_a_key(live_server: Any, alice: Person, browser: Browser) -> None:
    made = alice.post("/api-keys", {"name": "docs", "scopes": ["videos:write"], "expires": "30"})
    key = made.context["clear_text"]

    def scenario(page: Page) -> None:
        page.goto("/docs")
        page.get_by_role("button", name="Authorize").click()
        box = page.locator(".dialog-ux input")
        expect(box).to_have_count(1)
        box.fill(key)
        page.locator(".dialog-ux").get_by_role("button", name="Apply credentials").click()
        page.locator(".dialog-ux .btn-done").click()
        _try_out(page)

    browser.run(live_server.url, scenario)
    key = Job.objects.get().api_key
    assert key is not None
    assert key.name == "docs"


def test_a_request_is_sent_in_a_session(live_server: Any, alice: Person, browser: Browser) -> None:
    def scenario(page: Page) -> None:
        page.goto("/docs")
        _try_out(page)

    browser.run(live_server.url, scenario, session=alice.cookie)
    assert Job.objects.get().user == alice.user


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE])
def test_it_follows_the_theme_and_fits_the_screen(
    viewport: ViewportSize, live_server: Any, transactional_db: None, browser: Browser
) -> None:
    def scenario(page: Page) -> tuple[str, str, int]:
        page.goto("/docs")
        expect(page.locator(SUBMIT)).to_be_visible()
        by_night = page.evaluate("document.documentElement.className")
        page.get_by_role("button", name="Light").click()
        expect(page.locator("html.dark-mode")).to_have_count(0)
        return by_night, page.locator("main > h1").inner_text(), page.evaluate("document.documentElement.scrollWidth")

    seen = browser.run(live_server.url, scenario, viewport=viewport, color_scheme="dark")
    assert seen == ("dark-mode", "API reference", viewport["width"])
