"""The guides in a browser: no accessibility violation, nothing wider than the screen, in both themes."""

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.support.browser import DESKTOP, FOR_AXE, PHONE, Browser, violations

GUIDES = ["quickstart", "errors"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_guides_have_no_violation(theme: str, live_server: Any, transactional_db: None, browser: Browser) -> None:
    def scenario(page: Page) -> list[Any]:
        found: list[Any] = []
        for name in GUIDES:
            page.goto(f"/docs/{name}")
            found += violations(page)
        return found

    for viewport in (PHONE, DESKTOP):
        assert browser.run(live_server.url, scenario, viewport=viewport, color_scheme=theme, **FOR_AXE) == []
