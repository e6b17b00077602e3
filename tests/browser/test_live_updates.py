"""Pages that update with their jobs, in a browser."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from jobs.states import State
from tests.support.browser import DESKTOP, PHONE, Browser
from tests.support.people import Person


def test_history_is_searched_filtered_and_extended_without_a_reload(
    live_server: Any, alice: Person, browser: Browser, make_job: Any
) -> None:
    for number in range(26):
        make_job(alice, State.FAILED, prompt=f"clip {number}")
    make_job(alice, State.COMPLETED, prompt="the cat purrs", output_format="gif")

    def scenario(page: Page) -> None:
        page.goto("/history")
        page.evaluate("window.sameDocument = true")
        cards = page.locator(".poster")
        expect(cards).to_have_count(24)
        page.get_by_role("link", name="Load more").click()
        expect(cards).to_have_count(27)
        expect(page.get_by_role("link", name="Load more")).to_have_count(0)
        page.get_by_role("searchbox").press_sequentially("purrs")
        expect(cards).to_have_count(1)
        page.get_by_role("radio", name="Failed").check(force=True)
        expect(page.get_by_text("Nothing matches")).to_be_visible()
        expect(page).to_have_url(re.compile("q=purrs"))
        expect(page).to_have_url(re.compile("state=failed"))
        assert page.evaluate("window.sameDocument")

    browser.run(live_server.url, scenario, session=alice.cookie)


@pytest.mark.parametrize(("viewport", "count"), [(DESKTOP, 8), (PHONE, 2)], ids=["desktop", "phone"])
def test_cards_of_a_full_last_row_are_as_wide_as_those_above(
    viewport: ViewportSize, count: int, live_server: Any, alice: Person, browser: Browser, make_job: Any
) -> None:
    for _ in range(count):
        make_job(alice, State.FAILED, width=592, height=440)

    def scenario(page: Page) -> None:
        page.goto("/history")
        boxes = [card.bounding_box() for card in page.locator(".poster").all()]
        assert len({box["y"] for box in boxes if box}) == 2
        assert len({round(box["width"]) for box in boxes if box}) == 1
        assert boxes[0] and boxes[0]["width"] > PHONE["width"] / 2

    browser.run(live_server.url, scenario, session=alice.cookie, viewport=viewport)


def test_a_card_follows_its_job_until_it_is_finished(
    live_server: Any, alice: Person, browser: Browser, make_job: Any
) -> None:
    job = make_job(alice, State.QUEUED)

    def scenario(page: Page) -> None:
        page.goto("/history")
        expect(page.locator(".poster .chip")).to_have_text("Queued")
        elsewhere = page.context.new_page()
        elsewhere.goto(f"/videos/{job.public_id}")
        elsewhere.get_by_role("button", name="Cancel").click()
        expect(page.locator(".poster .chip")).to_have_text("Canceled")
        expect(page.locator("[hx-get*='/history/running']")).to_have_count(0)

    browser.run(live_server.url, scenario, session=alice.cookie)


def test_the_page_of_a_video_that_is_deleted_elsewhere_reports_the_deletion(
    live_server: Any, alice: Person, browser: Browser, make_job: Any
) -> None:
    job = make_job(alice, State.QUEUED)

    def scenario(page: Page) -> None:
        page.goto(f"/videos/{job.public_id}")
        elsewhere = page.context.new_page()
        elsewhere.goto(f"/videos/{job.public_id}")
        elsewhere.get_by_role("button", name="Delete video").click()
        elsewhere.locator("#delete-video").get_by_role("button", name="Delete video").click()
        expect(elsewhere.get_by_text("The video was deleted.")).to_be_visible()
        expect(page.get_by_text("Page not found")).to_be_visible()

    browser.run(live_server.url, scenario, session=alice.cookie)
    assert [text for text in browser.console_errors if "404" not in text] == []
    browser.console_errors.clear()
