"""History and Gallery: filters, Back, more cards, layout shifts, searches for several words."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from jobs.galleries.models import Publication
from tests.support.browser import Browser
from tests.support.people import Person
from tests.support.videos import finished_video

# The shifts since the page was opened, as browsers compute the metric CLS.
_SHIFTS = """() => new Promise((resolve) => {
    const read = (entries) => entries.reduce((sum, { value }) => sum + value, 0);
    const observer = new PerformanceObserver((list) => resolve(read(list.getEntries())));
    observer.observe({ type: "layout-shift", buffered: true });
    setTimeout(() => resolve(0), 500);
})"""


def publish_all(alice: Person, number: int) -> None:
    sizes = [(584, 440), (512, 512), (384, 672), (672, 384)]
    for count in range(number):
        width, height = sizes[count % 4]
        job = finished_video(alice, prompt=f"video {count}", width=width, height=height)
        Publication.objects.create(team=alice.team, job=job, publisher=alice.user, model=job.model)


@pytest.mark.parametrize("path", ["/history", "/gallery"])
def test_back_after_a_search_shows_the_whole_page(path: str, live_server: Any, alice: Person, browser: Browser) -> None:
    publish_all(alice, 1)

    def scenario(page: Page) -> None:
        page.goto(path)
        for words in ("astronaut", "rises"):
            page.get_by_role("searchbox").fill(words)
            page.wait_for_url(f"**{path}?*q={words}*")
        for _ in range(2):
            page.go_back()
            expect(page.locator("header.rail")).to_be_visible()
            expect(page.get_by_role("searchbox")).to_be_visible()
        page.get_by_role("button", name="Account menu").click()
        expect(page.get_by_role("button", name="Dark")).to_be_visible()

    browser.run(live_server.url, scenario, session=alice.cookie)


@pytest.mark.parametrize("path", ["/history", "/gallery"])
def test_back_shows_the_cards_that_were_loaded(path: str, live_server: Any, alice: Person, browser: Browser) -> None:
    publish_all(alice, 50)

    def scenario(page: Page) -> None:
        cards = page.locator(".poster")
        page.goto(path)
        expect(cards).to_have_count(24)
        for shown, number in ((24, 48), (48, 50)):
            page.get_by_role("link", name="Load more").click()
            expect(cards).to_have_count(number)
            expect(cards.nth(shown).locator(".poster-link")).to_be_focused()
        cards.nth(40).locator(".poster-link").click()
        expect(page.locator("video.result")).to_be_visible()
        page.go_back()
        expect(cards).to_have_count(50)
        expect(cards.nth(40)).to_be_in_viewport()

    browser.run(live_server.url, scenario, session=alice.cookie)


@pytest.mark.parametrize("path", ["/history", "/gallery"])
def test_cards_do_not_move_while_the_page_arrives(path: str, live_server: Any, alice: Person, browser: Browser) -> None:
    publish_all(alice, 24)

    def scenario(page: Page) -> float:
        page.goto("/team")  # loads the shared styles and scripts
        client = page.context.new_cdp_session(page)
        slow = {"offline": False, "latency": 20, "downloadThroughput": 60_000, "uploadThroughput": 60_000}
        client.send("Network.emulateNetworkConditions", slow)
        page.goto(path)
        expect(page.locator(".poster")).to_have_count(24)
        return float(page.evaluate(_SHIFTS))

    assert browser.run(live_server.url, scenario, session=alice.cookie) <= 0.05


def test_a_search_finds_all_words_in_any_order_and_ids(live_server: Any, alice: Person, browser: Browser) -> None:
    job = finished_video(alice, prompt="steam rises slowly from the cup")
    finished_video(alice, prompt="the cup turns")

    def scenario(page: Page) -> None:
        page.goto("/history")
        for words in ("cup RISES", job.public_id):
            page.get_by_role("searchbox").fill(words)
            expect(page.locator(".poster")).to_have_count(1)
            expect(page.locator(".poster-prompt")).to_have_text(job.prompt)

    browser.run(live_server.url, scenario, session=alice.cookie)
