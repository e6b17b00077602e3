"""The Usage page in a browser: accessibility, the width of the screen, and what its controls do."""

from datetime import UTC, datetime
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.accounts.quota.views.test_usage import record_usage, set_created_at, warn
from tests.support.browser import DESKTOP, PHONE, Browser
from tests.support.people import Person

BAD = {"serious", "critical"}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_accessible_and_no_wider_than_the_screen(theme: Any, live_server: Any, alice: Person, browser: Browser) -> None:
    today = datetime.now(UTC).date()
    for number in range(8):
        record_usage(alice, today.replace(day=number + 1), 40 * number, model="i2vgen-xl")
    warn(alice, 80, 9000)

    def scenario(page: Page) -> list[Any]:
        page.goto("/usage")
        page.get_by_text("Show as a table").click()
        expect(page.get_by_role("cell", name="280").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        return [rule["id"] for rule in Axe().run(page).response["violations"] if rule["impact"] in BAD]

    for viewport in (DESKTOP, PHONE):
        violations = browser.run(live_server.url, scenario, session=alice.cookie, viewport=viewport, color_scheme=theme)
        assert violations == []


def test_choosing_a_month_and_dismissing_a_warning(live_server: Any, alice: Person, browser: Browser) -> None:
    now = datetime.now(UTC)
    set_created_at(alice, now.replace(year=now.year - 1, day=1))
    warn(alice, 80, 9000)

    def scenario(page: Page) -> None:
        page.goto("/usage")
        page.get_by_role("button", name="Dismiss this warning").click()
        expect(page.get_by_text("of its credits")).to_have_count(0)
        page.get_by_label("Month", exact=True).select_option(index=12)
        expect(page.get_by_role("heading", name="No usage")).to_be_visible()
        page.wait_for_url(f"**/usage?month={now.year - 1}-{now.month:02}")
        page.go_back()
        with page.expect_download() as download:
            page.get_by_role("link", name="Download as CSV").click()
        assert download.value.suggested_filename == f"mutoscope-usage-{now:%Y-%m}.csv"

    browser.run(live_server.url, scenario, session=alice.cookie)
