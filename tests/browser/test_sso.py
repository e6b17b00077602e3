"""Signing in with the accounts of a company, in a browser."""

import re
from typing import Any

from allauth.socialaccount.models import SocialAccount
from playwright.sync_api import Page, expect

from tests.support.browser import Browser
from tests.support.identity_provider import IdentityProvider


def test_connecting_and_disconnecting_in_the_browser(
    live_server: Any, transactional_db: None, provider: IdentityProvider, browser: Browser
) -> None:
    def scenario(page: Page) -> None:
        page.goto("/accounts/login/")
        page.get_by_role("button", name="Sign in with Reel & Co").click()
        page.wait_for_url(re.compile(r":\d+/$"))
        page.goto("/account")
        page.get_by_role("link", name="Connected accounts").click()
        expect(page.locator(".lines")).to_contain_text("Reel & Co")
        page.get_by_role("button", name="Disconnect").click()
        expect(page.get_by_role("alert")).to_be_visible()  # it is the only sign-in method: no password yet

    browser.run(live_server.url, scenario)
    assert SocialAccount.objects.count() == 1
