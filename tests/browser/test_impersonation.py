"""The banner of an impersonation in a browser: on a desktop and on a phone, in both languages."""

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from playwright.sync_api import Page, ViewportSize, expect

from jobs.models import Job
from jobs.states import State
from tests.support.administrators import run_action
from tests.support.browser import DESKTOP, PHONE, Browser
from tests.support.people import Person

PAGES = ["/", "/team", "/docs/administration", "/account", "/no-such-page"]


def console_errors_except(browser: Browser, *statuses: str) -> list[str]:
    """Take the errors of the console, but not those about responses with these statuses."""
    found = [text for text in browser.console_errors if not any(f"status of {status}" in text for status in statuses)]
    browser.console_errors.clear()
    return found


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_every_page_shows_both_names_and_how_to_stop(
    viewport: ViewportSize, live_server: Any, adele: Person, alice: Person, browser: Browser
) -> None:
    run_action(adele, f"/admin/accounts/user/{alice.user.pk}/view_as/", reason="a ticket")

    def visit(page: Page, language: str, stop: str) -> list[str]:
        page.context.add_cookies([{"name": settings.LANGUAGE_COOKIE_NAME, "value": language, "url": live_server.url}])
        wrong = []
        for path in PAGES:
            page.goto(path)
            banner = page.locator(".banner")
            expect(banner).to_contain_text("adele@example.com")
            expect(banner).to_contain_text("alice@example.com")
            expect(banner.get_by_role("button", name=stop, exact=True)).to_be_in_viewport(ratio=1)
            if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
                wrong.append(f"{path} scrolls sideways")
            faults = Axe().run(page).response["violations"]
            wrong += [f"{path}: {fault['id']}" for fault in faults if fault["impact"] in {"serious", "critical"}]
        return wrong

    def scenario(page: Page) -> list[str]:
        wrong = [*visit(page, "zh-hans", "停止查看"), *visit(page, "en", "Stop")]
        page.locator(".banner").get_by_role("button", name="Stop", exact=True).click()
        page.wait_for_url("**/admin/")
        return wrong

    assert browser.run(live_server.url, scenario, session=adele.cookie, viewport=viewport) == []
    assert console_errors_except(browser, "403", "404") == []


def test_a_button_that_is_denied_says_why(
    live_server: Any, adele: Person, alice: Person, browser: Browser, make_job: Callable[..., Job]
) -> None:
    job = make_job(alice, State.COMPLETED)
    run_action(adele, f"/admin/accounts/user/{alice.user.pk}/view_as/", reason="a ticket")

    def share(page: Page) -> None:
        page.goto(f"/videos/{job.public_id}")
        page.get_by_role("link", name="Share").click()
        expect(page.locator("#toasts")).to_contain_text("This is not available while you impersonate a user.")
        expect(page.get_by_role("dialog")).to_have_count(0)

    browser.run(live_server.url, share, session=adele.cookie)
    assert console_errors_except(browser, "403") == []
