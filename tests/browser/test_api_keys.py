"""The pages of API keys in a browser: no accessibility violation, nothing wider than the screen; a key is rotated."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.keys.services import create_api_key
from accounts.models import ApiKey
from tests.support.browser import DESKTOP, FOR_AXE, PHONE, Browser, violations
from tests.support.people import Person


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_pages_of_keys_have_no_violation(theme: str, live_server: Any, alice: Person, browser: Browser) -> None:
    columns: dict[str, Any] = {"allowed_networks": ["192.0.2.0/24"], "last_used_ip": "2001:db8::1"}
    for name in ("nightly batch", "N" * 80):
        key, _ = create_api_key(team=alice.team, creator=alice.user, name=name, **columns)
    ApiKey.objects.update(last_used_at=key.created_at)

    def scenario(page: Page) -> list[Any]:
        found = []
        for path in ("/api-keys", "/api-keys/team", f"/api-keys/{key.prefix}", "new"):
            if path == "new":
                page.goto("/api-keys")
                page.get_by_role("button", name="New key").first.click()
                page.get_by_text("Exact day, IP addresses and caps").click()
            else:
                page.goto(path)
            found += violations(page)
        return found

    for viewport in (PHONE, DESKTOP):
        options = {**FOR_AXE, "viewport": viewport, "color_scheme": theme, "session": alice.cookie}
        assert browser.run(live_server.url, scenario, **options) == []


def test_a_key_is_rotated(live_server: Any, alice: Person, browser: Browser) -> None:
    key, _ = create_api_key(team=alice.team, creator=alice.user, name="nightly batch")

    def scenario(page: Page) -> str:
        page.goto(f"/api-keys/{key.prefix}")
        page.get_by_label("The old key keeps working").select_option("For an hour")
        page.get_by_role("button", name="Rotate key").click()
        secret = page.locator("#secret").inner_text()
        page.get_by_role("link", name="Done").click()
        expect(page.get_by_role("link", name="Manage nightly batch")).to_have_count(2)
        return secret

    secret = browser.run(live_server.url, scenario, session=alice.cookie)
    assert secret.startswith(f"mts_{ApiKey.objects.get(rotated_from=key).prefix}_")
