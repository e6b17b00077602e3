"""The account's pages in a real browser: authenticator app, recovery codes, passkeys, sessions, data, deletion."""

import re
import time
from collections.abc import Callable
from typing import Any
from zipfile import ZipFile

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, ViewportSize, expect

from accounts.models import User
from jobs.exports.services import build_due_exports
from jobs.models import Job
from jobs.states import State
from tests.support.browser import PHONE, Browser
from tests.support.people import PASSWORD, Person

PAGES = [
    "/account",
    "/accounts/email/",
    "/accounts/password/change/",
    "/accounts/2fa/",
    "/accounts/sessions/",
    "/account/data",
]
BEHIND_THE_PASSWORD = [
    "/accounts/2fa/totp/activate/",
    "/accounts/2fa/webauthn/add/",
    "/account/close",
]
OUTSIDE = ["/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/account/closed"]


def code_of(secret: str, *, later: int = 0) -> str:
    """Return an authenticator app's code. later: half minutes in the future, since a code works once."""
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30 + later)))


def confirm(page: Page) -> None:
    """Enter the password when the site asks for it again."""
    expect(page.get_by_role("heading", name="Confirm your identity")).to_be_visible()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()


def sign_in(page: Page) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("Email").fill("alice@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Account menu").click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()


def virtual_key(page: Page, *, fingerprint: bool = True) -> Callable[..., Any]:
    """Add a simulated device, with or without a fingerprint reader; return a function that makes it forge responses."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal" if fingerprint else "usb",
        "hasResidentKey": fingerprint,
        "hasUserVerification": fingerprint,
        "isUserVerified": fingerprint,
        "automaticPresenceSimulation": True,
    }
    key = session.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]
    return lambda **bits: session.send("WebAuthn.setResponseOverrideBits", {"authenticatorId": key, **bits})


def test_an_authenticator_app_is_set_up_used_and_turned_off(live_server: Any, alice: Person, browser: Browser) -> None:
    def scenario(page: Page) -> None:
        page.goto("/account")
        page.get_by_role("link", name="Second factor").click()
        page.get_by_role("link", name="Set up").click()
        confirm(page)
        expect(page.get_by_alt_text("QR code for the app")).to_be_visible()
        expect(page.locator(".qr")).to_have_js_property("complete", value=True)
        assert page.evaluate("document.querySelector('.qr').naturalWidth") > 0
        secret = page.locator("#secret").inner_text()
        page.get_by_label("Code that the app shows").fill("000000")
        page.get_by_role("button", name="Turn on").click()
        expect(page.locator("#error-code")).to_contain_text("Incorrect code")
        assert page.locator("#secret").inner_text() == secret
        page.get_by_label("Code that the app shows").fill(code_of(secret))
        page.get_by_role("button", name="Turn on").click()
        expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
        codes = page.locator("#codes").inner_text().split()
        assert len(codes) == len(set(codes)) == 10
        with page.expect_download() as waiting:
            page.get_by_role("link", name="Download").click()
        assert waiting.value.path().read_text().split() == codes
        sign_out(page)

        sign_in(page)
        expect(page.get_by_role("heading", name="One more step")).to_be_visible()
        page.goto("/history")
        page.wait_for_url("**/accounts/**")
        page.goto("/accounts/2fa/authenticate/")
        page.get_by_label("Code").fill(code_of(secret, later=1))
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url(re.compile(r":\d+/$"))
        sign_out(page)

        for code, signs_in in ((codes[0], True), (codes[0], False)):
            sign_in(page)
            page.get_by_label("Code").fill(code)
            page.get_by_role("button", name="Sign in", exact=True).click()
            if signs_in:
                page.wait_for_url(re.compile(r":\d+/$"))
                sign_out(page)
        expect(page.locator("#error-code")).to_contain_text("Incorrect code")
        page.get_by_label("Code").fill(codes[1])
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url(re.compile(r":\d+/$"))

        page.goto("/accounts/2fa/")
        expect(page.get_by_text("8 are left.")).to_be_visible()
        page.get_by_role("link", name="Turn off").click()
        confirm(page)
        page.get_by_role("button", name="Turn off").click()
        expect(page.get_by_role("link", name="Set up")).to_be_visible()

    browser.run(live_server.url, scenario, session=alice.cookie)
    assert not Authenticator.objects.exists()


def test_recovery_codes_are_regenerated(live_server: Any, alice: Person, browser: Browser) -> None:
    def scenario(page: Page) -> None:
        page.goto("/accounts/2fa/totp/activate/")
        confirm(page)
        page.get_by_label("Code that the app shows").fill(code_of(page.locator("#secret").inner_text()))
        page.get_by_role("button", name="Turn on").click()
        before = page.locator("#codes").inner_text()
        page.get_by_role("link", name="Generate new codes").click()
        page.get_by_role("button", name="Generate new codes").click()
        page.wait_for_url("**/recovery-codes/")
        after = page.locator("#codes").inner_text()
        assert not set(after.split()) & set(before.split())

    browser.run(live_server.url, scenario, session=alice.cookie)


def test_a_passkey_replaces_the_password(live_server: Any, alice: Person, browser: Browser) -> None:
    def scenario(page: Page) -> None:
        virtual_key(page)
        page.goto("/accounts/2fa/webauthn/add/")
        confirm(page)
        page.get_by_label("Name").fill("laptop")
        page.get_by_role("button", name="Add passkey").click()
        expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
        page.goto("/accounts/2fa/")
        expect(page.get_by_text("Replaces the password.")).to_be_visible()
        sign_out(page)
        page.get_by_role("button", name="Use a passkey").click()
        page.wait_for_url(re.compile(r":\d+/$"))
        page.goto("/history")
        assert page.url.endswith("/history")
        page.goto("/accounts/2fa/")
        page.get_by_role("link", name="Rename laptop").click()
        page.get_by_role("link", name="Use a security key").click()
        page.get_by_role("button", name="Use a passkey").click()
        page.get_by_label("Name").fill("desk")
        page.get_by_role("button", name="Save").click()
        page.get_by_role("link", name="Remove desk").click()
        page.get_by_role("button", name="Remove").click()
        expect(page.get_by_text("You have no passkey.")).to_be_visible()

    browser.run(live_server.url, scenario, session=alice.cookie)
    assert not Authenticator.objects.exists()


def test_a_passkey_is_required_after_the_password_and_a_forged_one_is_refused(
    live_server: Any, alice: Person, browser: Browser
) -> None:
    def scenario(page: Page) -> None:
        forge = virtual_key(page)
        page.goto("/accounts/2fa/webauthn/add/")
        confirm(page)
        page.get_by_label("Sign in with it alone, without the password").uncheck()
        page.get_by_role("button", name="Add passkey").click()
        expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
        sign_out(page)
        sign_in(page)
        expect(page.get_by_role("heading", name="One more step")).to_be_visible()
        forge(isBogusSignature=True)
        page.get_by_role("button", name="Use a passkey").click()
        expect(page.get_by_text("Incorrect code.")).to_be_visible()
        forge(isBogusSignature=False)
        page.get_by_role("button", name="Use a passkey").click()
        page.wait_for_url(re.compile(r":\d+/$"))

    browser.run(live_server.url, scenario, session=alice.cookie)


def test_a_device_without_support_shows_our_message(live_server: Any, alice: Person, browser: Browser) -> None:
    def scenario(page: Page) -> None:
        virtual_key(page, fingerprint=False)
        page.goto("/accounts/2fa/webauthn/add/")
        confirm(page)
        page.get_by_role("button", name="Add passkey").click()
        expect(page.get_by_text("The browser did not return a passkey.")).to_be_visible()

    browser.run(live_server.url, scenario, session=alice.cookie)
    assert not Authenticator.objects.exists()


def test_another_browser_is_signed_out(live_server: Any, alice: Person, browser: Browser) -> None:
    def there(page: Page) -> str:
        sign_in(page)
        page.wait_for_url(re.compile(r":\d+/$"))
        return next(found["value"] for found in page.context.cookies() if found["name"] == "sessionid")

    def here(page: Page) -> None:
        sign_in(page)
        page.wait_for_url(re.compile(r":\d+/$"))
        page.goto("/accounts/sessions/")
        expect(page.get_by_text("This browser")).to_have_count(1)
        page.locator(".lines").get_by_role("button", name="Sign out").click()
        expect(page.get_by_text("The browser was signed out.")).to_be_visible()
        expect(page.locator(".lines").get_by_role("button", name="Sign out")).to_have_count(0)

    def back(page: Page) -> None:
        page.goto("/history")
        page.wait_for_url("**/accounts/login/**")

    session = browser.run(live_server.url, there)
    browser.run(live_server.url, here)
    browser.run(live_server.url, back, session=session)


def test_data_is_collected_and_downloaded(
    live_server: Any, alice: Person, browser: Browser, make_job: Callable[..., Job]
) -> None:
    job = make_job(alice, State.COMPLETED)

    def ask(page: Page) -> None:
        page.goto("/account/data")
        page.get_by_role("button", name="Collect my data").click()
        confirm(page)
        expect(page.get_by_text("Your data is being collected.")).to_be_visible()

    def fetch(page: Page) -> list[str]:
        page.goto("/account/data")
        with page.expect_download() as waiting:
            page.get_by_role("link", name="Download").click()
        return ZipFile(waiting.value.path()).namelist()

    browser.run(live_server.url, ask, session=alice.cookie)
    assert build_due_exports()
    assert f"videos/{job.public_id}.mp4" in browser.run(live_server.url, fetch, session=alice.cookie)


def test_an_account_is_deleted_on_a_phone(live_server: Any, alice: Person, browser: Browser) -> None:
    def scenario(page: Page) -> None:
        page.goto("/account")
        page.get_by_role("link", name="Close account").click()
        confirm(page)
        page.get_by_label("Your email address").fill("alice@example.net")
        page.get_by_role("button", name="Close account").click()
        expect(page.locator("#error-email")).to_contain_text("Enter alice@example.com")
        page.get_by_label("Your email address").fill("alice@example.com")
        page.get_by_role("button", name="Close account").click()
        expect(page.get_by_role("heading", name="Your account was closed")).to_be_visible()
        page.goto("/history")
        page.wait_for_url("**/accounts/login/**")

    browser.run(live_server.url, scenario, session=alice.cookie, viewport=PHONE)
    assert not User.objects.filter(email="alice@example.com").exists()
    assert [text for text in browser.console_errors if "422" not in text] == []
    browser.console_errors.clear()


def faults(page: Page, path: str) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{path}: {fault['id']} at {fault['nodes'][0]['target']}: {fault['help']}"
        for fault in found
        if fault["impact"] in {"serious", "critical"}
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [{"width": 1440, "height": 900}, PHONE], ids=["desktop", "phone"])
def test_axe_finds_no_serious_violation_on_account_pages(
    theme: str, viewport: ViewportSize, live_server: Any, alice: Person, browser: Browser
) -> None:
    def scenario(page: Page) -> list[str]:
        found = []
        for path in OUTSIDE:
            page.goto(path)
            found += faults(page, path)
        sign_in(page)
        page.wait_for_url(re.compile(r":\d+/$"))
        page.goto("/accounts/2fa/totp/activate/")
        found += faults(page, "reauthenticate")
        confirm(page)
        for path in [*PAGES, *BEHIND_THE_PASSWORD]:
            page.goto(path)
            found += faults(page, path)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        page.goto("/accounts/2fa/totp/activate/")
        secret = page.locator("#secret").inner_text()
        page.get_by_label("Code that the app shows").fill(code_of(secret))
        page.get_by_role("button", name="Turn on").click()
        expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
        for path in ("/accounts/2fa/", "/accounts/2fa/recovery-codes/", "/accounts/2fa/recovery-codes/generate/"):
            page.goto(path)
            found += faults(page, path)
        page.goto("/accounts/2fa/totp/deactivate/")
        found += faults(page, "deactivate")
        sign_out(page)
        sign_in(page)
        expect(page.get_by_role("heading", name="One more step")).to_be_visible()
        return found + faults(page, "authenticate")

    assert browser.run(live_server.url, scenario, viewport=viewport, color_scheme=theme, reduced_motion="reduce") == []
