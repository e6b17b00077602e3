"""Signing in through an identity provider: real round trips to a small OpenID Connect provider."""

from typing import Any

import httpx
import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import TOTP
from allauth.socialaccount.models import SocialAccount
from django.core import mail
from django.test import Client

from accounts.auth.adapter import SocialAccountAdapter
from accounts.models import Team, User
from tests.support.identity_provider import IdentityProvider
from tests.support.people import Person, make_user
from tests.support.proxies import use_dead_proxy

EMAIL = "nora@example.com"
START = "/accounts/oidc/company/login/"


def sign_in(client: Client) -> Any:
    """Follow the redirects to the provider and back, as a browser does."""
    redirect = client.post(START)
    assert redirect.status_code == 302
    back = httpx.get(redirect["Location"], timeout=60)
    assert back.status_code == 302
    return client.get(back.headers["Location"].removeprefix("http://testserver"), follow=True)


def test_nothing_is_shown_without_a_provider(anonymous: Client, mia: Person) -> None:
    assert "Sign in with" not in anonymous.get("/accounts/login/").content.decode()
    assert "Connected accounts" not in mia.get("/account").content.decode()
    assert anonymous.post(START).status_code == 404


def test_a_new_user_gets_an_account_and_a_team(provider: IdentityProvider, anonymous: Client) -> None:
    assert "Sign in with Reel &amp; Co" in anonymous.get("/accounts/login/").content.decode()
    response = sign_in(anonymous)
    assert response.redirect_chain[-1][0] == "/"
    user = User.objects.get()
    assert (user.email, user.name, user.has_usable_password()) == (EMAIL, "Nora", False)
    assert EmailAddress.objects.get().verified
    assert Team.objects.get().personal_of == user
    again = Client()
    assert sign_in(again).redirect_chain[-1][0] == "/"
    assert again.get("/history").status_code == 200
    assert User.objects.count() == 1


def test_no_proxy_is_used_for_a_provider_on_this_machine(
    provider: IdentityProvider, anonymous: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_dead_proxy(monkeypatch)
    # The browser of the test uses no proxy either.
    redirect = anonymous.post(START)
    back = httpx.get(redirect["Location"], timeout=60, trust_env=False)
    anonymous.get(back.headers["Location"].removeprefix("http://testserver"))
    assert anonymous.get("/history").status_code == 200


def test_a_name_is_stored_like_those_of_forms(provider: IdentityProvider, anonymous: Client) -> None:
    provider.claims["name"] = "  Noe\u0308l\r\nBcc: thief@example.com\u2028" + "x" * 200
    sign_in(anonymous)
    user = User.objects.get()
    assert user.name == ("Noël Bcc: thief@example.com " + "x" * 200)[:120]
    assert user.name.split(" ")[0] == "No\u00ebl"


def test_an_unverified_email_address_needs_a_code(provider: IdentityProvider, anonymous: Client) -> None:
    provider.claims["email_verified"] = False
    response = sign_in(anonymous)
    assert response.redirect_chain[-1][0] == "/accounts/confirm-email/"
    assert anonymous.get("/history").status_code == 302
    assert mail.outbox[-1].to == [EMAIL]


def test_an_existing_account_is_not_connected_by_email_address(provider: IdentityProvider, anonymous: Client) -> None:
    user = make_user(EMAIL)
    sign_in(anonymous)
    assert anonymous.get("/history").status_code == 302
    assert not SocialAccount.objects.filter(user=user).exists()


def test_an_existing_account_is_connected_if_the_provider_is_trusted(
    provider: IdentityProvider, anonymous: Client, settings: Any
) -> None:
    settings.SOCIALACCOUNT_EMAIL_AUTHENTICATION = settings.SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
    user = make_user(EMAIL)
    sign_in(anonymous)
    assert anonymous.get("/history").status_code == 200
    assert SocialAccount.objects.get().user == user
    provider.claims |= {"sub": "43", "email": "charlie@example.com", "email_verified": False}
    make_user("charlie@example.com")
    other = Client()
    sign_in(other)
    assert other.get("/history").status_code == 302


def test_the_second_factor_is_required(provider: IdentityProvider, anonymous: Client) -> None:
    sign_in(anonymous)
    TOTP.activate(User.objects.get(), "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    other = Client()
    assert sign_in(other).redirect_chain[-1][0] == "/accounts/2fa/authenticate/"
    assert other.get("/history").status_code == 302


@pytest.mark.parametrize(("mode", "expected"), [("closed", "Sign-up is closed"), ("invite", "By invitation only")])
def test_closed_signup_applies_to_the_provider(
    mode: str, expected: str, provider: IdentityProvider, anonymous: Client, settings: Any
) -> None:
    settings.SIGNUP_MODE = mode
    assert expected in sign_in(anonymous).content.decode()
    assert not User.objects.exists()


def test_signup_domains_apply_to_the_provider(provider: IdentityProvider, anonymous: Client, settings: Any) -> None:
    settings.SIGNUP_MODE, settings.SIGNUP_DOMAINS = "domains", ["example.org"]
    assert "Accounts on this site need an email address at example.org." in sign_in(anonymous).content.decode()
    assert not User.objects.exists()
    provider.claims["email"] = "nora@example.org"
    sign_in(Client())
    assert User.objects.get().email == "nora@example.org"


def test_a_canceled_sign_in(provider: IdentityProvider, anonymous: Client) -> None:
    provider.refuses = True
    assert "You canceled the sign-in." in sign_in(anonymous).content.decode()


@pytest.mark.parametrize("query", ["", "?code=made-up&state=made-up", "?state=%00", "?error=server_error&state=x"])
def test_a_forged_callback_does_not_sign_in(query: str, provider: IdentityProvider, anonymous: Client) -> None:
    response = anonymous.get(f"{START}callback/{query}", follow=True)
    assert response.status_code in {200, 401}
    assert "Not signed in" in response.content.decode()
    assert not User.objects.exists()


def test_an_unreachable_provider_is_reported(provider: IdentityProvider, anonymous: Client) -> None:
    provider.server.shutdown()
    provider.server.server_close()
    response = anonymous.post(START, follow=True)
    assert response.status_code < 500
    assert "Not signed in" in response.content.decode()


def test_a_link_alone_does_not_start_a_sign_in(provider: IdentityProvider) -> None:
    """A link from elsewhere shows a page with a button; it does not sign anybody in."""
    response = Client().get(START)
    assert response.status_code == 200
    assert "Continue" in response.content.decode()
    assert not provider.granted


def test_a_provider_on_this_machine_may_have_a_private_certificate(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.OIDC_ISSUER = "https://localhost:8443/realm"
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/ssl/company.pem")
    assert SocialAccountAdapter().get_requests_session().verify == "/etc/ssl/company.pem"
