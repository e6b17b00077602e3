"""The navigation marks the page that the person is on."""

from typing import Any

from playwright.sync_api import Page, expect

from tests.support.browser import Browser
from tests.support.people import Person


def test_the_link_of_the_page_alone_is_marked(live_server: Any, alice: Person, browser: Browser) -> None:
    def scenario(page: Page) -> list[str]:
        page.goto("/")
        header = page.get_by_role("banner")
        links = header.locator("nav[aria-label=Main] a, nav[aria-label='For programs'] a")
        targets = [link.get_attribute("href") or "" for link in links.all()]
        for target in targets:
            header.locator(f"nav a[href='{target}']").click()
            page.wait_for_url(f"**{target}")
            expect(header.locator("[aria-current]")).to_have_count(1)
            expect(header.locator("[aria-current]")).to_have_attribute("href", target)
        return targets

    assert {"/team", "/api-keys"} < {*browser.run(live_server.url, scenario, session=alice.cookie)}
