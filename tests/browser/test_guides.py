"""The guides in a browser: no accessibility violation, nothing wider than the screen, in both themes."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.support.browser import DESKTOP, PHONE, Browser

GUIDES = ["quickstart", "errors"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_guides_have_no_violation(theme: str, live_server: Any, transactional_db: None, browser: Browser) -> None:
    def scenario(page: Page) -> list[Any]:
        found: list[Any] = []
        for name in GUIDES:
            page.goto(f"/docs/{name}")
            assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]  # type: ignore[index]
            bad = [fault for fault in Axe().run(page).response["violations"] if fault["impact"] != "minor"]
            found += [(name, fault["id"], [node["html"] for node in fault["nodes"]]) for fault in bad]
        return found

    for viewport in (PHONE, DESKTOP):
        options: dict[str, Any] = {
            "viewport": viewport,
            "color_scheme": theme,
            "reduced_motion": "reduce",
            "bypass_csp": True,
        }
        assert browser.run(live_server.url, scenario, **options) == []
