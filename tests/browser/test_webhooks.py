"""The pages of webhooks in a browser: no accessibility violation, nothing wider than the screen, and links to them."""

from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from jobs.webhooks.models import FINISHED_KINDS, Delivery, DeliveryAttempt, Endpoint
from jobs.webhooks.services import create_endpoint, ping
from tests.support.browser import DESKTOP, FOR_AXE, PHONE, Browser, violations
from tests.support.people import Person

LONG = "https://hooks.example.com/" + "mutoscope/" * 12


@pytest.fixture
def endpoint(alice: Person) -> Endpoint:
    """Create a failing webhook with a long URL and two deliveries: one that failed and one that is pending."""
    who: dict[str, Any] = {"team": alice.team, "creator": alice.user}
    endpoint = create_endpoint(**who, url=LONG, kinds=FINISHED_KINDS, description="The render farm")
    answered = ping(endpoint=endpoint)
    DeliveryAttempt.objects.create(
        delivery=answered, number=1, seconds=0.21, status=500, response_excerpt="down for repairs " * 20
    )
    given_up = {"state": "failed", "tries": 1, "next_try_at": None, "finished_at": timezone.now()}
    Delivery.objects.filter(pk=answered.pk).update(**given_up)
    ping(endpoint=endpoint)
    Endpoint.objects.update(failing_since=timezone.now())
    return endpoint


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_pages_of_webhooks_have_no_violation(
    theme: str, live_server: Any, alice: Person, endpoint: Endpoint, browser: Browser
) -> None:
    def scenario(page: Page) -> list[Any]:
        found = []
        for path in ("/webhooks", f"/webhooks/{endpoint.public_id}", "new", "rotate"):
            if path == "new":
                page.goto("/webhooks")
                page.get_by_role("button", name="New webhook").click()
                expect(page.get_by_label("URL")).to_be_focused()
            elif path == "rotate":
                page.goto(f"/webhooks/{endpoint.public_id}")
                page.get_by_role("button", name="New secret").click()
                expect(page.get_by_role("dialog", name="Create a new secret?")).to_be_visible()
            else:
                page.goto(path)
                page.evaluate("document.querySelectorAll('main details').forEach(one => one.open = true)")
            found += violations(page)
        return found

    for viewport in (PHONE, DESKTOP):
        options = {**FOR_AXE, "viewport": viewport, "color_scheme": theme, "session": alice.cookie}
        assert browser.run(live_server.url, scenario, **options) == []


def test_keys_and_webhooks_are_reached_on_a_desktop_and_on_a_phone(
    live_server: Any, alice: Person, browser: Browser
) -> None:
    def desktop(page: Page) -> None:
        page.goto("/")
        rail = page.get_by_role("navigation", name="For programs")
        rail.get_by_role("link", name="Webhooks").click()
        expect(page.get_by_role("heading", name="Webhooks", exact=True)).to_be_visible()
        expect(rail.locator("[aria-current=page]")).to_have_text("Webhooks")

    def phone(page: Page) -> None:
        page.goto("/")
        bar = page.get_by_role("navigation", name="Main")
        expect(bar.get_by_role("link")).to_have_text(["Create", "History", "Gallery", "Usage", "Team"])
        for name in ("API keys", "Webhooks"):
            page.locator(".topline [popovertarget=team-menu]").click()
            page.locator("#team-menu").get_by_role("link", name=name).click()
            expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()

    browser.run(live_server.url, desktop, session=alice.cookie, viewport=DESKTOP)
    browser.run(live_server.url, phone, session=alice.cookie, viewport=PHONE)
    assert browser.console_errors == []
